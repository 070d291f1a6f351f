#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace hearth::backend {

/// Cuts a stream of bytes into lines with bounded memory. Pure.
/// A plain line is passed on with at most 16 KiB and one byte (so that whoever stores it sees that
/// it was longer); the rest of it is skipped. A line of the loaders' JSON form may be longer,
/// because escapes blow it up.
class LineSplitter {
 public:
    static constexpr std::size_t kLongestLine = 16 * 1024;
    static constexpr std::size_t kLongestRecord = 128 * 1024;

    void feed(std::string_view bytes, const std::function<void(std::string_view)>& on_line);
    /// The last line, if it has no end.
    void finish(const std::function<void(std::string_view)>& on_line);

 private:
    void append(std::string_view part);

    std::string line_;
};

/// True for a line in the loaders' JSON form.
bool is_log_record(std::string_view line);

/// The last few KiB of text, by whole lines where they fit.
class TailBuffer {
 public:
    static constexpr std::size_t kBytes = 4096;
    void add(std::string_view line);
    const std::string& text() const { return text_; }

 private:
    std::string text_;
};

/// How many lines one instance may write: a bucket of bytes that refills with time.
class OutputBudget {
 public:
    static constexpr double kBytesPerSecond = 1 << 20;
    static constexpr double kBurst = 4 << 20;
    /// False when the line is to be dropped. `now` in seconds, monotone.
    bool take(std::size_t bytes, double now);
    /// Lines dropped since the last call.
    std::size_t take_dropped();

 private:
    double left_ = kBurst;
    double last_ = 0;
    std::size_t dropped_ = 0;
};

}  // namespace hearth::backend
