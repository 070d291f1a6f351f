#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::cli {

/// Tells when the files of a folder, or one file, have changed: written and closed, put in place by
/// a rename as editors do, removed. What editors and tools leave beside them (.git, node_modules,
/// __pycache__, swap files) does not count. Thread: one.
class SourceWatch {
 public:
    using Clock = std::chrono::steady_clock;

    /// Errors: not_found, io (with the remedy where the system's limit of watches is reached).
    static Result<SourceWatch> open(const std::filesystem::path& source);
    ~SourceWatch();
    SourceWatch(SourceWatch&& other) noexcept;
    SourceWatch& operator=(SourceWatch&&) = delete;

    /// Blocks until something has changed and then nothing more for `quiet`, at most ten times
    /// that. False when `wake_fd` became readable first.
    bool wait(int wake_fd, std::chrono::milliseconds quiet);
    /// When the first of the changes that wait() returned for was seen, and the first of those
    /// files that is there now: an editor's or sed's own file beside it has gone meanwhile.
    Clock::time_point changed_at() const { return changed_at_; }
    const std::string& changed_name() const { return changed_name_; }

 private:
    SourceWatch(int fd, std::filesystem::path folder, std::string only)
        : fd_(fd), folder_(std::move(folder)), only_(std::move(only)) {}
    Result<void> add_tree(const std::filesystem::path& folder);
    /// Reads what there is and notes what of it counts.
    void read_events();
    bool counts(const std::filesystem::path& folder, const std::string& name) const;
    void note(std::string name);
    std::string lasting_name() const;

    int fd_ = -1;
    std::filesystem::path folder_;
    std::string only_;  ///< name of the one file that counts; empty: all
    std::map<int, std::filesystem::path> folders_;
    Clock::time_point changed_at_{};
    std::vector<std::string> names_;  ///< changed since wait() began, the first ones
    std::string changed_name_;
};

/// Whether a file or folder of this name is an editor's or a tool's own.
bool is_by_product(const std::string& name);

}  // namespace hearth::cli
