#pragma once

#include <filesystem>
#include <string>

#include "hearth/base/result.hpp"

namespace hearth::backend {

/// The files of one build: <root>/{src,home,tmp} and, made by its command, deploy. The folder goes
/// with the object. All calls block on the disk.
class BuildScratch {
 public:
    /// `owner` < 0: files stay the daemon's.
    BuildScratch(std::filesystem::path root, long owner) : root_(std::move(root)), owner_(owner) {}
    ~BuildScratch();
    BuildScratch(const BuildScratch&) = delete;
    BuildScratch& operator=(const BuildScratch&) = delete;

    /// A private, writable copy of `source` (folder, or one file, which then lies in a folder), and
    /// of the files of `home` (may be empty). Errors: not_found, no_space, io.
    Result<void> create(const std::filesystem::path& source, const std::filesystem::path& home);

    const std::filesystem::path& root() const { return root_; }
    std::filesystem::path deploy() const { return root_ / "deploy"; }

 private:
    Result<void> copy(const std::filesystem::path& from, const std::filesystem::path& to) const;
    Result<void> give(const std::filesystem::path& path, unsigned mode) const;

    std::filesystem::path root_;
    long owner_ = -1;
};

/// One folder per environment that builds keep between them, and the user all builds of the
/// environment run as.
struct BuildCache {
    std::filesystem::path folder;  ///< empty: none
    long owner = -1;
};
/// Finds or makes it below `caches`. Users are `first` and above, one per environment; `first` < 0:
/// the daemon's. Thread: one call at a time.
Result<BuildCache> build_cache(const std::filesystem::path& caches, const std::string& environment,
                               long first);

/// Removes a tree in which folders may be read-only.
void remove_build_tree(const std::filesystem::path& path);

}  // namespace hearth::backend
