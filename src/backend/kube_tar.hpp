#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::backend {

/// What a tar of a folder or of a single file will hold; the same tree gives the same bytes.
struct TarPlan {
    struct Entry {
        std::string name;  ///< inside the archive; folders end in "/"
        std::string path;  ///< on this machine
        std::uint64_t size = 0;
        unsigned mode = 0644;
    };
    std::vector<Entry> entries;  ///< a folder before what is in it
    std::uint64_t bytes = 0;     ///< of the whole tar
    std::string file;            ///< name of the only entry when the path was a file
};

/// Walks `path`. Links and other special files are left out: no archive store makes any. Errors:
/// not_found, io. Blocks on the disk.
Result<TarPlan> plan_tar(const std::filesystem::path& path);

/// The bytes of a plan, piece by piece, with one piece in memory at a time. Thread: one owner.
class TarReader {
 public:
    static constexpr std::size_t kPiece = 64 * 1024;
    explicit TarReader(std::shared_ptr<const TarPlan> plan) : plan_(std::move(plan)) {}
    /// Empty at the end. Errors: io when a file changed its size or went away.
    Result<std::string> next();

 private:
    Result<void> append_content(std::string& out);

    std::shared_ptr<const TarPlan> plan_;
    std::size_t entry_ = 0;
    std::ifstream file_;
    std::uint64_t left_ = 0;  ///< of the open file
    bool open_ = false;
    bool ended_ = false;
};

}  // namespace hearth::backend
