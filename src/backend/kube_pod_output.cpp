#include "backend/kube_pod_output.hpp"

#include <fmt/format.h>

#include <ctime>

#include "backend/output_reader.hpp"

namespace hearth::backend {
namespace {

constexpr std::size_t kSecondsLength = 19;  // 2026-01-31T12:00:00

bool digits(std::string_view text, std::size_t from, std::size_t count, int& value) {
    value = 0;
    for (std::size_t i = from; i < from + count; ++i) {
        if (i >= text.size() || text[i] < '0' || text[i] > '9') return false;
        value = value * 10 + (text[i] - '0');
    }
    return true;
}

double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

std::optional<base::WallTime> take_timestamp(std::string_view& line) {
    std::tm tm{};
    const bool shape = line.size() > kSecondsLength && line[4] == '-' && line[7] == '-' &&
                       line[10] == 'T' && line[13] == ':' && line[16] == ':';
    if (!shape || !digits(line, 0, 4, tm.tm_year) || !digits(line, 5, 2, tm.tm_mon) ||
        !digits(line, 8, 2, tm.tm_mday) || !digits(line, 11, 2, tm.tm_hour) ||
        !digits(line, 14, 2, tm.tm_min) || !digits(line, 17, 2, tm.tm_sec))
        return std::nullopt;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    std::size_t at = kSecondsLength;
    std::int64_t nanos = 0;
    if (line[at] == '.') {
        std::int64_t scale = 100'000'000;
        for (++at; at < line.size() && line[at] >= '0' && line[at] <= '9'; ++at, scale /= 10)
            nanos += (line[at] - '0') * scale;
    }
    int offset = 0;
    if (at < line.size() && line[at] == 'Z') {
        ++at;
    } else if (at + 6 <= line.size() && (line[at] == '+' || line[at] == '-')) {
        int hours = 0, minutes = 0;
        if (!digits(line, at + 1, 2, hours) || !digits(line, at + 4, 2, minutes))
            return std::nullopt;
        offset = (hours * 60 + minutes) * 60 * (line[at] == '-' ? -1 : 1);
        at += 6;
    } else {
        return std::nullopt;
    }
    if (at < line.size() && line[at] != ' ') return std::nullopt;
    line.remove_prefix(std::min(line.size(), at + 1));
    const auto whole = std::chrono::system_clock::from_time_t(timegm(&tm) - offset);
    return whole +
           std::chrono::duration_cast<base::WallTime::duration>(std::chrono::nanoseconds(nanos));
}

void PodOutput::set_function(std::string ns, std::string function) {
    std::lock_guard lock(mutex_);
    ns_ = std::move(ns);
    function_ = std::move(function);
}

void PodOutput::attribute(std::string_view request_id, base::WallTime at) {
    std::lock_guard lock(mutex_);
    if (spans_.size() >= kSpans) spans_.pop_front();
    spans_.push_back({at, std::string(request_id)});
}

void PodOutput::skip_past(base::WallTime now) {
    std::lock_guard lock(mutex_);
    last_ = now;
}

void PodOutput::begin() {
    std::lock_guard lock(mutex_);
    resumed_after_ = last_;
    lines_ = LineSplitter();
}

void PodOutput::feed(std::string_view bytes) {
    std::lock_guard lock(mutex_);
    lines_.feed(bytes, [this](std::string_view line) { take(line); });
}

void PodOutput::end() {
    std::lock_guard lock(mutex_);
    lines_.finish([this](std::string_view line) { take(line); });
}

std::string PodOutput::resume_time() const {
    std::lock_guard lock(mutex_);
    return last_ ? base::to_rfc3339(*last_) : std::string();
}

std::string PodOutput::tail() const {
    std::lock_guard lock(mutex_);
    return tail_.text();
}

std::string PodOutput::request_at(base::WallTime time) const {
    for (auto it = spans_.rbegin(); it != spans_.rend(); ++it)
        if (it->from <= time) return it->request_id;
    return {};
}

void PodOutput::take(std::string_view line) {
    const auto written = take_timestamp(line);
    const auto time = written.value_or(std::chrono::system_clock::now());
    if (written) {
        if (resumed_after_ && *written <= *resumed_after_) return;
        last_ = *written;
    }
    auto decoded = decode_record(line);
    if (!decoded) {
        decoded.emplace();
        decoded->message = std::string(line);
        decoded->request_id = request_at(time);
    }
    tail_.add(decoded->message);
    if (function_.empty()) return;
    if (!budget_.take(decoded->message.size() + 1, seconds_now())) return;
    note_dropped(time);
    telemetry::LogEntry entry;
    entry.time = time;
    entry.stream = decoded->stream == OutputLine::Stream::err ? telemetry::LogEntry::Stream::err
                                                              : telemetry::LogEntry::Stream::out;
    entry.request_id = std::move(decoded->request_id);
    entry.instance = instance_;
    entry.message = std::move(decoded->message);
    log_.append(ns_, function_, std::move(entry));
}

void PodOutput::note_dropped(base::WallTime time) {
    const std::size_t dropped = budget_.take_dropped();
    if (dropped == 0) return;
    telemetry::LogEntry note;
    note.time = time;
    note.stream = telemetry::LogEntry::Stream::platform;
    note.instance = instance_;
    note.message =
        fmt::format("{} lines were dropped: more than 1 MiB of output per second", dropped);
    log_.append(ns_, function_, std::move(note));
}

}  // namespace hearth::backend
