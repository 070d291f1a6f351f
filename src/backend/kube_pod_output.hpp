#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "backend/line_splitter.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/telemetry/function_log.hpp"

namespace hearth::backend {

/// The output of one pod's environment, as `pods/log?timestamps=true` gives it, on its way into the
/// function's log. Thread: any.
class PodOutput {
 public:
    PodOutput(telemetry::FunctionLog& log, std::string instance)
        : log_(log), instance_(std::move(instance)) {}

    /// Lines belong to this function from now on; before, they only make the tail.
    void set_function(std::string ns, std::string function);
    /// The request that a single-request instance works on from `at` on; "" ends it. Plain lines
    /// get the id of the request that was running when they were written.
    void attribute(std::string_view request_id, base::WallTime at);

    /// Lines up to now were an earlier daemon's to keep.
    void skip_past(base::WallTime now);
    /// A stream (again) begins: lines that came before are not taken twice.
    void begin();
    void feed(std::string_view bytes);
    void end();
    /// When the last line was written, RFC 3339, to resume from; empty: none came.
    std::string resume_time() const;
    /// The last lines, at most 4 KiB.
    std::string tail() const;

 private:
    struct Span {
        base::WallTime from;
        std::string request_id;
    };
    static constexpr std::size_t kSpans = 64;

    void take(std::string_view line);
    std::string request_at(base::WallTime time) const;
    void note_dropped(base::WallTime time);

    telemetry::FunctionLog& log_;
    const std::string instance_;
    mutable std::mutex mutex_;
    std::string ns_, function_;
    std::deque<Span> spans_;
    LineSplitter lines_;
    TailBuffer tail_;
    OutputBudget budget_;
    std::optional<base::WallTime> last_, resumed_after_;
};

/// "2026-01-31T12:00:00.123456789Z" at the beginning of a line; moves `line` past it and the space.
/// Nothing when there is none.
std::optional<base::WallTime> take_timestamp(std::string_view& line);

}  // namespace hearth::backend
