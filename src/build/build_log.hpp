#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <mutex>

#include "hearth/build/builds.hpp"

namespace hearth::build {

/// The log of one build: its beginning goes to disk at once, its end when the build has ended, what
/// lies between is left out past the bound. Whoever follows it reads the newest part from memory.
/// Thread: any.
class BuildLog final : public LiveLog, public std::enable_shared_from_this<BuildLog> {
 public:
    /// `max_bytes`: kept on disk.
    BuildLog(std::filesystem::path file, std::uint64_t max_bytes);
    ~BuildLog() override;

    /// Makes the file anew. Blocks. Without it lines are kept in memory alone.
    Result<void> open();
    void add(std::string_view line);
    /// Nothing follows. Blocks.
    void end();
    /// The last whole lines of at most `bytes`, as valid UTF-8.
    std::string tail(std::size_t bytes) const;

    Piece read(std::uint64_t at) const override;
    std::shared_ptr<void> subscribe(std::function<void()> wake) override;

 private:
    void write_file(std::string_view text);
    void wake_all();
    std::uint64_t next() const { return begin_ + bytes_; }

    const std::filesystem::path file_;
    const std::uint64_t half_;
    mutable std::mutex mutex_;
    std::deque<std::string> lines_;  ///< with their line breaks
    std::uint64_t begin_ = 0;        ///< offset of the first of them in the whole log
    std::uint64_t bytes_ = 0;        ///< of all of them
    std::uint64_t written_ = 0;      ///< bytes of the log that are in the file
    bool head_full_ = false;
    bool ended_ = false;
    int fd_ = -1;
    std::mutex wake_mutex_;
    std::map<std::uint64_t, std::function<void()>> wakes_;
    std::uint64_t next_wake_ = 1;
};

/// Replaces bytes that are not UTF-8.
std::string valid_utf8(std::string_view text);

}  // namespace hearth::build
