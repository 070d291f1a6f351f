#include "backend/kube_tar.hpp"

#include <algorithm>
#include <cstring>

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = 512;
constexpr std::size_t kNameField = 100, kPrefixField = 155;
constexpr std::size_t kEndBlocks = 2;

std::uint64_t padded(std::uint64_t size) {
    return (size + kBlock - 1) / kBlock * kBlock;
}

/// Where to cut a name into prefix and name of the ustar header; npos: it does not fit.
std::size_t cut_of(const std::string& name) {
    if (name.size() <= kNameField) return 0;
    if (name.size() > kNameField + 1 + kPrefixField) return std::string::npos;
    const auto cut = name.find('/', name.size() - kNameField - 1);
    const bool fits =
        cut != std::string::npos && cut > 0 && cut <= kPrefixField && cut + 1 < name.size();
    return fits ? cut : std::string::npos;
}

/// "LENGTH path=NAME\n", where LENGTH counts itself.
std::string pax_record(const std::string& name) {
    const std::string rest = " path=" + name + "\n";
    std::size_t length = rest.size() + 1;
    while (std::to_string(length).size() + rest.size() != length)
        length = std::to_string(length).size() + rest.size();
    return std::to_string(length) + rest;
}

void put_octal(char* field, std::size_t width, std::uint64_t value) {
    for (std::size_t i = width - 1; i-- > 0; value >>= 3)
        field[i] = static_cast<char>('0' + (value & 7));
}

std::string header(const std::string& name, std::uint64_t size, unsigned mode, char type) {
    std::string block(kBlock, '\0');
    const auto cut = cut_of(name);
    const auto tail = cut == 0 || cut == std::string::npos ? name : name.substr(cut + 1);
    std::memcpy(block.data(), tail.data(), std::min(tail.size(), kNameField));
    if (cut != 0 && cut != std::string::npos) std::memcpy(block.data() + 345, name.data(), cut);
    put_octal(block.data() + 100, 8, mode);
    put_octal(block.data() + 108, 8, 0);
    put_octal(block.data() + 116, 8, 0);
    put_octal(block.data() + 124, 12, size);
    put_octal(block.data() + 136, 12, 0);
    block[156] = type;
    std::memcpy(block.data() + 257,
                "ustar\0"
                "00",
                8);
    std::memset(block.data() + 148, ' ', 8);
    std::uint64_t sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    put_octal(block.data() + 148, 7, sum);
    return block;
}

std::string heads_of(const TarPlan::Entry& entry) {
    std::string out;
    if (cut_of(entry.name) == std::string::npos) {
        const auto record = pax_record(entry.name);
        out += header("pax", record.size(), 0644, 'x');
        out += record;
        out.resize(padded(out.size()));
    }
    const bool folder = !entry.name.empty() && entry.name.back() == '/';
    return out + header(entry.name, entry.size, entry.mode, folder ? '5' : '0');
}

void add(TarPlan& plan, TarPlan::Entry entry) {
    plan.bytes += heads_of(entry).size() + padded(entry.size);
    plan.entries.push_back(std::move(entry));
}

unsigned mode_of(const fs::file_status& status) {
    const bool runs = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
    return runs ? 0755 : 0644;
}

}  // namespace

Result<TarPlan> plan_tar(const fs::path& path) {
    TarPlan plan;
    std::error_code ec;
    const auto status = fs::status(path, ec);
    if (ec || !fs::exists(status))
        return Error(Errc::not_found, "the unpacked package " + path.string() + " is gone");
    if (fs::is_regular_file(status)) {
        plan.file = path.filename().string();
        TarPlan::Entry entry;
        entry.name = plan.file;
        entry.path = path.string();
        entry.size = fs::file_size(path, ec);
        entry.mode = mode_of(status);
        add(plan, std::move(entry));
    } else {
        for (fs::recursive_directory_iterator it(path, ec), end; !ec && it != end;
             it.increment(ec)) {
            const auto kind = it->symlink_status(ec);
            if (ec) break;
            TarPlan::Entry entry;
            entry.name = it->path().lexically_relative(path).string();
            entry.path = it->path().string();
            if (fs::is_directory(kind)) {
                entry.name += "/";
                entry.mode = 0755;
            } else if (fs::is_regular_file(kind)) {
                entry.size = it->file_size(ec);
                entry.mode = mode_of(kind);
            } else {
                continue;
            }
            if (ec) break;
            add(plan, std::move(entry));
        }
        const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
        std::sort(plan.entries.begin(), plan.entries.end(), by_name);
    }
    if (ec)
        return Error(Errc::io, "cannot read the package " + path.string() + ": " + ec.message());
    plan.bytes += kEndBlocks * kBlock;
    return plan;
}

Result<void> TarReader::append_content(std::string& out) {
    const auto& entry = plan_->entries[entry_];
    if (left_ > 0) {
        const auto begin = out.size();
        const auto wanted = static_cast<std::size_t>(
            std::min<std::uint64_t>(left_, begin < kPiece ? kPiece - begin : kBlock));
        out.resize(begin + wanted);
        file_.read(out.data() + begin, static_cast<std::streamsize>(wanted));
        if (static_cast<std::size_t>(file_.gcount()) != wanted)
            return Error(Errc::io, "the package's file " + entry.path + " is shorter than it was");
        left_ -= wanted;
    }
    if (left_ > 0) return {};
    file_.close();
    out.resize(out.size() + static_cast<std::size_t>(padded(entry.size) - entry.size));
    open_ = false;
    ++entry_;
    return {};
}

Result<std::string> TarReader::next() {
    std::string out;
    while (out.size() < kPiece && entry_ < plan_->entries.size()) {
        const auto& entry = plan_->entries[entry_];
        if (!open_) {
            out += heads_of(entry);
            if (entry.size == 0) {
                ++entry_;
                continue;
            }
            file_ = std::ifstream(entry.path, std::ios::binary);
            if (!file_) return Error(Errc::io, "the package's file " + entry.path + " is gone");
            left_ = entry.size;
            open_ = true;
        }
        if (auto put = append_content(out); put.has_error()) return put.error();
    }
    if (entry_ < plan_->entries.size() || ended_) return out;
    ended_ = true;
    out.resize(out.size() + kEndBlocks * kBlock);
    return out;
}

}  // namespace hearth::backend
