#include "artifact/reader.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "artifact/disk.hpp"
#include "artifact/entry_path.hpp"

namespace hearth::artifact {
namespace {

constexpr std::size_t kBlock = 64 * 1024;
/// One compression and the file itself; more are a bomb's layers.
constexpr int kMostFilters = 2;

Error refused(std::string message) {
    return Error(Errc::invalid_argument, std::move(message), {}, "artifact");
}

/// The sum a tar header carries of itself, blanks in the sum's own place (POSIX ustar). Tells old
/// tar files, which have no magic.
bool is_tar_header(std::string_view head) {
    if (head.size() < 512) return false;
    unsigned sum = 0;
    for (std::size_t i = 0; i < 512; ++i) {
        sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(head[i]);
    }
    unsigned stored = 0;
    bool any = false;
    for (const char c : head.substr(148, 8)) {
        if (c >= '0' && c <= '7') {
            stored = stored * 8 + static_cast<unsigned>(c - '0');
            any = true;
        } else if (any) {
            break;
        }
    }
    return any && stored == sum;
}

bool looks_like_archive(std::string_view head) {
    using namespace std::string_view_literals;
    if (head.starts_with("PK\x03\x04") || head.starts_with("PK\x05\x06")) return true;
    if (head.starts_with("\x1f\x8b") || head.starts_with("\x28\xb5\x2f\xfd"sv)) return true;
    if (head.size() >= 262 && head.substr(257, 5) == "ustar") return true;
    return is_tar_header(head);
}

}  // namespace

Result<PackageForm> package_form(const std::filesystem::path& packed) {
    const base::UniqueFd fd(::open(packed.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return disk_error(errno, "open " + packed.string());
    std::array<char, 512> head{};
    const ssize_t count = ::pread(fd.get(), head.data(), head.size(), 0);
    if (count < 0) return disk_error(errno, "read " + packed.string());
    if (count == 0) return PackageForm::empty;
    return looks_like_archive(std::string_view(head.data(), static_cast<std::size_t>(count)))
               ? PackageForm::archive
               : PackageForm::plain;
}

Result<ArchiveReader> ArchiveReader::open(const std::filesystem::path& packed) {
    ArchiveReader reader(archive_read_new());
    struct ::archive* handle = reader.handle_;
    if (handle == nullptr) return Error(Errc::internal, "out of memory", {}, "artifact");
    archive_read_support_filter_gzip(handle);
    archive_read_support_filter_zstd(handle);
    archive_read_support_format_tar(handle);
    // Only by its central directory, as every unzip does: local headers may tell another story.
    archive_read_support_format_zip_seekable(handle);
    if (archive_read_open_filename(handle, packed.c_str(), kBlock) != ARCHIVE_OK) {
        return reader.damaged("at its beginning");
    }
    if (auto filters = reader.check_filters(); filters.has_error()) return filters.error();
    return reader;
}

Result<void> ArchiveReader::check_filters() const {
    if (archive_filter_count(handle_) > kMostFilters) {
        return refused("the archive is compressed more than once");
    }
    return {};
}

ArchiveReader::ArchiveReader(ArchiveReader&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      entry_(other.entry_),
      offset_(other.offset_) {}

ArchiveReader::~ArchiveReader() {
    if (handle_ != nullptr) archive_read_free(handle_);
}

Error ArchiveReader::damaged(std::string_view where) const {
    const char* why = archive_error_string(handle_);
    return refused(fmt::format("the archive is damaged {}: {}", where,
                               why == nullptr ? "no reason given" : why));
}

Result<bool> ArchiveReader::next(Entry& entry) {
    const int code = archive_read_next_header(handle_, &entry_);
    if (code == ARCHIVE_EOF) return false;
    if (code < ARCHIVE_WARN) return damaged("in a header");
    const char* name = archive_entry_pathname(entry_);
    // A warning is about what is ignored here (owners, times); a name it could not convert is
    // refused as not UTF-8.
    if (name == nullptr) return damaged("in an entry's name");
    entry = Entry{};
    entry.name = name;
    offset_ = 0;
    const auto refuse = [&](std::string_view why) {
        return refused(fmt::format("entry {} {}", shown(entry.name), why));
    };
    if (archive_entry_hardlink(entry_) != nullptr) return refuse("is a hard link");
    switch (archive_entry_filetype(entry_)) {
        case AE_IFREG:
            entry.type = Entry::Type::file;
            break;
        case AE_IFDIR:
            entry.type = Entry::Type::folder;
            break;
        case AE_IFLNK:
            return refuse("is a symbolic link");
        default:
            return refuse("is a device, pipe or socket");
    }
    if (archive_entry_is_encrypted(entry_) != 0) return refuse("is encrypted");
    if (archive_entry_sparse_count(entry_) > 0) return refuse("is a sparse file");
    entry.executable = (archive_entry_perm(entry_) & 0111) != 0;
    if (archive_entry_size_is_set(entry_) != 0) {
        const auto size = archive_entry_size(entry_);
        if (size < 0) return refuse("has a negative size");
        entry.declared_bytes = static_cast<std::uint64_t>(size);
    }
    return true;
}

Result<std::string_view> ArchiveReader::data() {
    const void* bytes = nullptr;
    std::size_t count = 0;
    la_int64_t offset = 0;
    const char* name = archive_entry_pathname(entry_);
    for (;;) {
        const int code = archive_read_data_block(handle_, &bytes, &count, &offset);
        if (code == ARCHIVE_EOF) return std::string_view();
        if (code != ARCHIVE_OK) {
            return damaged("at entry " + shown(name == nullptr ? "" : name));
        }
        if (offset < 0 || static_cast<std::uint64_t>(offset) != offset_) {
            return refused(
                fmt::format("entry {} is a sparse file", shown(name == nullptr ? "" : name)));
        }
        offset_ += count;
        if (count > 0) return std::string_view(static_cast<const char*>(bytes), count);
    }
}

Utf8Locale::Utf8Locale() : mine_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), before_(nullptr) {
    if (mine_ != nullptr) before_ = ::uselocale(static_cast<locale_t>(mine_));
}

Utf8Locale::~Utf8Locale() {
    if (mine_ == nullptr) return;
    ::uselocale(static_cast<locale_t>(before_));
    ::freelocale(static_cast<locale_t>(mine_));
}

}  // namespace hearth::artifact
