#pragma once

#include <cstdint>
#include <filesystem>

#include "hearth/base/result.hpp"

namespace hearth::store {

/// The right to be the one daemon on a database: a flock on FILE.lock, which the kernel drops with
/// the process.
///
/// It also carries the newest acknowledged revision. SQLite ends a write-ahead log silently at the
/// first frame that does not check, so a damaged or lost log would take acknowledged writes with it
/// unnoticed; after a crash this number is what the database must have reached. It is written after
/// the commit's fsync and not synced itself: it survives a kill, and after a power cut it is at
/// worst too low. Thread: one at a time.
class LeaseFile {
 public:
    /// Errors: conflict naming the pid that holds it; io.
    static Result<LeaseFile> take(const std::filesystem::path& database);
    LeaseFile(LeaseFile&& other) noexcept;
    LeaseFile& operator=(LeaseFile&&) = delete;
    ~LeaseFile();

    /// What the daemon before this one acknowledged last; 0 when it ended in order.
    std::int64_t acknowledged() const { return acknowledged_; }
    void acknowledge(std::int64_t revision);
    /// The database is closed in order: nothing is owed to the next start, which may find a
    /// restored backup.
    void settle();

 private:
    explicit LeaseFile(int fd) : fd_(fd) {}
    int fd_;
    std::int64_t acknowledged_ = 0;
};

}  // namespace hearth::store
