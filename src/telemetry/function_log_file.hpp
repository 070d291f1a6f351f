#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/telemetry/function_log.hpp"

namespace hearth::telemetry {

/// One entry as a line of a log file: time, stream, request id, instance, message, separated by
/// tabs; the message is last, so it may hold tabs. `time` is microseconds since the epoch.
void append_line(std::string& out, const LogLine& line);
void append_line(std::string& out, const LogEntry& entry);
/// The entry without copies; good while the entry is.
LogLine view_of(const LogEntry& entry);
/// False for a line that is not of that form, as a torn last line after a crash is.
bool parse_line(std::string_view line, LogEntry& entry);

/// The two files of one function. Thread: the log's writer, and readers under the log's file lock.
class FunctionLogFile {
 public:
    FunctionLogFile(std::filesystem::path stem, std::uint64_t bytes);

    /// Writes whole lines; turns the files when the newer one is full. False on a disk error.
    bool write(std::string_view lines);
    std::uint64_t bytes() const { return newer_bytes_ + older_bytes_; }
    void remove();
    /// The newest lines that match, in order of time.
    static std::vector<LogEntry> read(const std::filesystem::path& stem, const LogQuery& query);

 private:
    std::filesystem::path newer_, older_;
    std::uint64_t half_;
    std::uint64_t newer_bytes_ = 0, older_bytes_ = 0;
};

}  // namespace hearth::telemetry
