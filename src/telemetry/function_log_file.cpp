#include "telemetry/function_log_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <fstream>
#include <system_error>

namespace hearth::telemetry {
namespace {

constexpr char kStreams[] = {'o', 'e', 'c', 'p'};

std::uint64_t size_of(const std::filesystem::path& file) {
    std::error_code ec;
    const auto size = std::filesystem::file_size(file, ec);
    return ec ? 0 : size;
}

bool take(std::string_view& rest, std::string_view& word) {
    const auto tab = rest.find('\t');
    if (tab == std::string_view::npos) return false;
    word = rest.substr(0, tab);
    rest.remove_prefix(tab + 1);
    return true;
}

bool ends_torn(const std::filesystem::path& file, std::uint64_t bytes) {
    if (bytes == 0) return false;
    std::ifstream in(file, std::ios::binary);
    in.seekg(-1, std::ios::end);
    return in.get() != '\n';
}

}  // namespace

void append_line(std::string& out, const LogLine& line) {
    const auto us =
        std::chrono::duration_cast<std::chrono::microseconds>(line.time.time_since_epoch()).count();
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), us).ptr;
    out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
    out += '\t';
    out += kStreams[static_cast<int>(line.stream)];
    out += '\t';
    out += line.request_id;
    out += '\t';
    out += line.instance;
    out += '\t';
    const auto message_at = out.size();
    out += line.message;
    std::replace(out.begin() + static_cast<std::ptrdiff_t>(message_at), out.end(), '\n', ' ');
    out += '\n';
}

void append_line(std::string& out, const LogEntry& entry) {
    append_line(out, view_of(entry));
}

LogLine view_of(const LogEntry& entry) {
    return LogLine{entry.time, entry.stream, entry.request_id, entry.instance, entry.message};
}

bool parse_line(std::string_view line, LogEntry& entry) {
    std::string_view rest = line;
    std::string_view time, stream, request_id, instance;
    if (!take(rest, time) || !take(rest, stream) || !take(rest, request_id) ||
        !take(rest, instance))
        return false;
    if (stream.size() != 1) return false;
    std::int64_t us = 0;
    const auto [end, ec] = std::from_chars(time.data(), time.data() + time.size(), us);
    if (ec != std::errc() || end != time.data() + time.size()) return false;
    const auto* at = std::find(std::begin(kStreams), std::end(kStreams), stream[0]);
    if (at == std::end(kStreams)) return false;
    entry.time = base::WallTime(std::chrono::microseconds(us));
    entry.stream = static_cast<LogEntry::Stream>(at - std::begin(kStreams));
    entry.request_id = request_id;
    entry.instance = instance;
    entry.message = rest;
    return true;
}

FunctionLogFile::FunctionLogFile(std::filesystem::path stem, std::uint64_t bytes)
    : newer_(stem.string() + ".log"),
      older_(stem.string() + ".1.log"),
      half_(std::max<std::uint64_t>(bytes / 2, 4096)),
      newer_bytes_(size_of(newer_)),
      older_bytes_(size_of(older_)) {
    // A crash may have torn the last line; what follows it must stay readable.
    if (ends_torn(newer_, newer_bytes_)) write("\n");
}

bool FunctionLogFile::write(std::string_view lines) {
    if (newer_bytes_ + lines.size() > half_ && newer_bytes_ > 0) {
        std::error_code ec;
        std::filesystem::rename(newer_, older_, ec);
        if (ec) return false;
        older_bytes_ = newer_bytes_;
        newer_bytes_ = 0;
    }
    const int fd = ::open(newer_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    std::size_t done = 0;
    while (done < lines.size()) {
        const auto n = ::write(fd, lines.data() + done, lines.size() - done);
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    ::close(fd);
    newer_bytes_ += done;
    return done == lines.size();
}

void FunctionLogFile::remove() {
    std::error_code ignored;
    std::filesystem::remove(newer_, ignored);
    std::filesystem::remove(older_, ignored);
    newer_bytes_ = older_bytes_ = 0;
}

std::vector<LogEntry> FunctionLogFile::read(const std::filesystem::path& stem,
                                            const LogQuery& query) {
    std::deque<LogEntry> kept;
    for (const char* suffix : {".1.log", ".log"}) {
        std::ifstream file(stem.string() + suffix, std::ios::binary);
        std::string line;
        while (std::getline(file, line)) {
            LogEntry entry;
            if (!parse_line(line, entry)) continue;
            if (!query.request_id.empty() && entry.request_id != query.request_id) continue;
            if (query.since && entry.time < *query.since) continue;
            kept.push_back(std::move(entry));
            if (kept.size() > query.limit) kept.pop_front();
        }
    }
    return {std::make_move_iterator(kept.begin()), std::make_move_iterator(kept.end())};
}

}  // namespace hearth::telemetry
