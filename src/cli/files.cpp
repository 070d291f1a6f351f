#include "cli/files.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "hearth/base/error.hpp"

namespace hearth::cli {

namespace fs = std::filesystem;

Result<std::string> read_file(const fs::path& path, std::uint64_t limit) {
    std::error_code ec;
    if (fs::is_directory(path, ec)) return Error(Errc::io, path.string() + " is a folder");
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    if (!file) return base::from_errno(errno ? errno : EIO, path.string());
    std::string bytes;
    std::array<char, 64 * 1024> piece;
    while (file.read(piece.data(), piece.size()) || file.gcount() > 0) {
        bytes.append(piece.data(), static_cast<std::size_t>(file.gcount()));
        if (bytes.size() > limit) {
            return Error(Errc::too_large,
                         path.string() + " has more than " + std::to_string(limit) + " bytes");
        }
    }
    if (file.bad()) return Error(Errc::io, path.string() + " cannot be read to its end");
    return bytes;
}

bool is_text(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size();) {
        const auto at = [&](std::size_t offset) -> unsigned {
            return i + offset < bytes.size() ? static_cast<unsigned char>(bytes[i + offset]) : 0u;
        };
        const unsigned c = at(0);
        std::size_t length = 1;
        if (c < 0x80) {
            if ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7F) return false;
        } else if (c >= 0xC2 && c <= 0xDF) {
            length = 2;
        } else if (c >= 0xE0 && c <= 0xEF) {
            length = 3;
            if ((c == 0xE0 && at(1) < 0xA0) || (c == 0xED && at(1) > 0x9F)) return false;
        } else if (c >= 0xF0 && c <= 0xF4) {
            length = 4;
            if ((c == 0xF0 && at(1) < 0x90) || (c == 0xF4 && at(1) > 0x8F)) return false;
        } else {
            return false;
        }
        for (std::size_t k = 1; k < length; ++k) {
            if ((at(k) & 0xC0u) != 0x80u) return false;
        }
        i += length;
    }
    return true;
}

namespace {

bool needless(const std::string& name) {
    static constexpr std::array<std::string_view, 7> kNames = {
        ".git", ".hg", ".svn", "__pycache__", ".venv", ".DS_Store", ".pytest_cache"};
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

}  // namespace

Result<std::vector<fs::path>> files_below(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code ec;
    fs::recursive_directory_iterator at(folder, ec), end;
    if (ec) return base::from_errno(ec.value(), folder.string());
    while (at != end) {
        if (needless(at->path().filename().string())) {
            if (at->is_directory(ec)) at.disable_recursion_pending();
        } else if (at->is_regular_file(ec)) {
            files.push_back(at->path().lexically_relative(folder));
        }
        at.increment(ec);
        if (ec) return base::from_errno(ec.value(), folder.string());
    }
    std::sort(files.begin(), files.end());
    return files;
}

TemporaryFile::TemporaryFile() {
    std::error_code ec;
    auto folder = fs::temp_directory_path(ec);
    if (ec) folder = "/tmp";
    std::string name = (folder / "hearth-XXXXXX").string();
    const int fd = ::mkstemp(name.data());
    if (fd >= 0) {
        ::close(fd);
        path_ = name;
    }
}

TemporaryFile::~TemporaryFile() {
    std::error_code ec;
    if (!path_.empty()) fs::remove(path_, ec);
}

}  // namespace hearth::cli
