#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::cli {

/// The whole file. Errors: not_found, too_large (past `limit` bytes), io; each names the file.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t limit = 256u << 20);

/// UTF-8 without control characters but tab, line feed and carriage return: what may stand in a
/// document.
bool is_text(std::string_view bytes);

/// Regular files below `folder`, sorted, as paths relative to it. Links to folders are not
/// followed; what no function needs (.git, __pycache__ …) is left out.
Result<std::vector<std::filesystem::path>> files_below(const std::filesystem::path& folder);

/// A file name that is removed at the end.
class TemporaryFile {
 public:
    TemporaryFile();
    ~TemporaryFile();
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::filesystem::path& path() const { return path_; }

 private:
    std::filesystem::path path_;
};

}  // namespace hearth::cli
