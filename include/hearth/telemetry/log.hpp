#pragma once

#include <atomic>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace hearth::telemetry {

/// Levels by blame: debug detail, info normal life, warn a bad client or function, error a fault of ours.
enum class Level { debug, info, warn, error };

/// One key and its value in a log line. Keys are the constants below or lower_snake words.
struct Field {
    std::string_view key;
    std::string value;
};

inline constexpr std::string_view kRequestId = "request_id";
inline constexpr std::string_view kFunction = "function";
inline constexpr std::string_view kInstance = "instance";
inline constexpr std::string_view kDurationMs = "duration_ms";
inline constexpr std::string_view kErr = "err";

/// The daemon's own log: one JSON object a line on standard error (ts, level, module, msg, fields).
/// A blocked reader never blocks the daemon: past a bounded backlog lines are dropped and counted.
/// Thread: any.
class Logger {
  public:
    enum class Format { json, text };
    Logger(Level level, Format format);
    ~Logger();  // writes out what is queued
    Logger(const Logger&) = delete;
    Logger& operator=(const Logger&) = delete;

    bool enabled(Level level) const { return level >= level_.load(std::memory_order_relaxed); }
    void set_level(Level level) { level_.store(level, std::memory_order_relaxed); }
    void log(Level level, std::string_view module, std::string_view message,
             std::initializer_list<Field> fields = {});
    std::uint64_t dropped() const;

  private:
    struct Sink;
    std::atomic<Level> level_;
    std::unique_ptr<Sink> sink_;
};

}  // namespace hearth::telemetry
