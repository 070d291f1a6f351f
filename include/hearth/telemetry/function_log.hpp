#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/base/result.hpp"

namespace hearth::telemetry {

/// One line of a function's output, or the record of one call (`stream == call`).
struct LogEntry {
    enum class Stream { out, err, call, platform };
    base::WallTime time;
    Stream stream = Stream::out;
    std::string request_id;  ///< empty when not known
    std::string instance;    ///< instance id; empty for platform lines without one
    std::string message;     ///< one line, without its end; at most 16 KiB, longer ones are cut and say so
};

/// The same in views of the caller's memory, for those who make a line per request.
struct LogLine {
    base::WallTime time;
    LogEntry::Stream stream = LogEntry::Stream::out;
    std::string_view request_id;
    std::string_view instance;
    std::string_view message;
};

struct LogQuery {
    std::string ns;
    std::string function;
    std::string request_id;             ///< empty: any
    std::optional<base::WallTime> since;
    std::size_t limit = 1000;           ///< newest lines, in order of time
};

struct FunctionLogOptions {
    std::filesystem::path folder;
    std::uint64_t bytes_per_function = 4u << 20;  ///< two files of half of it each
    std::uint64_t bytes_total = 256u << 20;       ///< past it the longest untouched function's files go
    std::size_t queue_bytes = 8u << 20;           ///< past it lines are dropped and counted
};

/// Output and call records of functions, bounded, on disk, kept after instances and daemon are gone.
/// append() copies into a bounded queue and returns; one thread of its own writes. Thread: any.
class FunctionLog {
  public:
    explicit FunctionLog(FunctionLogOptions options);
    ~FunctionLog();  // writes out what is queued
    FunctionLog(const FunctionLog&) = delete;
    FunctionLog& operator=(const FunctionLog&) = delete;

    void append(std::string_view ns, std::string_view function, const LogEntry& entry);
    void append(std::string_view ns, std::string_view function, const LogLine& line);
    /// Blocks on the disk: call it on the blocking pool. Includes what was appended before the call.
    Result<std::vector<LogEntry>> read(const LogQuery& query);
    /// `on_entry` is called on the writer's thread for each later line of that function until the handle goes.
    using Follower = std::shared_ptr<void>;
    [[nodiscard]] Follower follow(std::string ns, std::string function,
                                  std::function<void(const LogEntry&)> on_entry);
    /// Removes the files of a deleted function.
    void forget(std::string_view ns, std::string_view function);
    std::uint64_t dropped() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::telemetry
