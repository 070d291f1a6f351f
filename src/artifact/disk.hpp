#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "hearth/base/result.hpp"
#include "hearth/base/unique_fd.hpp"

namespace hearth::artifact {

/// errno as an error of this module; EFBIG (a file-size limit) is no_space, too.
Error disk_error(int error_number, std::string_view what);

Result<void> write_all(int fd, std::string_view bytes, std::string_view what);
Result<void> sync_fd(int fd, std::string_view what);
Result<void> sync_folder(const std::filesystem::path& folder);
/// A fresh file for writing below `folder`, mode 0600.
Result<std::pair<base::UniqueFd, std::filesystem::path>> fresh_file(
    const std::filesystem::path& folder);
std::filesystem::path fresh_name(const std::filesystem::path& folder);
/// Removes a tree whose folders may be read-only; never follows a link. What cannot be removed
/// stays.
void remove_tree(const std::filesystem::path& path);

/// Incremental SHA-256. Thread: one at a time.
class Sha256 {
 public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;
    void add(std::string_view bytes);
    /// Lower-case hex; ends the object's use.
    std::string finish();

 private:
    void* context_;
};

Result<std::string> sha256_of_file(const std::filesystem::path& file);

}  // namespace hearth::artifact
