#include "build/build_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

namespace hearth::build {
namespace {

constexpr std::size_t kPiece = 64 * 1024;

/// Length of the well-formed sequence at the start of `text`; 0: there is none (RFC 3629).
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
    }
    if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
    if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
    return length;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto length = sequence_length(text);
        if (length == 0) {
            out += "\xef\xbf\xbd";
            text.remove_prefix(1);
            continue;
        }
        out += text.substr(0, length);
        text.remove_prefix(length);
    }
    return out;
}

BuildLog::BuildLog(std::filesystem::path file, std::uint64_t max_bytes)
    : file_(std::move(file)), half_(std::max<std::uint64_t>(max_bytes / 2, 1)) {}

BuildLog::~BuildLog() {
    if (fd_ >= 0) close(fd_);
}

Result<void> BuildLog::open() {
    std::error_code ec;
    std::filesystem::create_directories(file_.parent_path(), ec);
    if (ec) return base::from_errno(ec.value(), "make " + file_.parent_path().string());
    const int fd = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return base::from_errno(errno, "create " + file_.string());
    std::lock_guard lock(mutex_);
    fd_ = fd;
    for (const auto& line : lines_) write_file(line);
    written_ = next();
    return {};
}

/// A disk that is full costs the log, not the build.
void BuildLog::write_file(std::string_view text) {
    while (fd_ >= 0 && !text.empty()) {
        const ssize_t n = ::write(fd_, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
}

void BuildLog::add(std::string_view line) {
    {
        std::lock_guard lock(mutex_);
        if (ended_) return;
        std::string text(line);
        text += '\n';
        bytes_ += text.size();
        if (!head_full_ && next() <= half_) {
            write_file(text);
            written_ = next();
        } else {
            head_full_ = true;
        }
        lines_.push_back(std::move(text));
        while (bytes_ > half_ && lines_.size() > 1) {
            begin_ += lines_.front().size();
            bytes_ -= lines_.front().size();
            lines_.pop_front();
        }
    }
    wake_all();
}

void BuildLog::end() {
    {
        std::lock_guard lock(mutex_);
        if (ended_) return;
        ended_ = true;
        if (head_full_) {
            std::uint64_t at = begin_;
            if (begin_ > written_)
                write_file(fmt::format("[{} bytes left out]\n", begin_ - written_));
            for (const auto& line : lines_) {
                if (at >= written_) write_file(line);
                at += line.size();
            }
        }
        if (fd_ >= 0) close(fd_);
        fd_ = -1;
    }
    wake_all();
}

std::string BuildLog::tail(std::size_t bytes) const {
    std::lock_guard lock(mutex_);
    std::size_t from = lines_.size(), taken = 0;
    while (from > 0 && taken + lines_[from - 1].size() <= bytes) taken += lines_[--from].size();
    std::string text;
    for (; from < lines_.size(); ++from) text += lines_[from];
    return valid_utf8(text);
}

LiveLog::Piece BuildLog::read(std::uint64_t at) const {
    std::lock_guard lock(mutex_);
    Piece piece;
    if (at < begin_) {
        piece.text = fmt::format("[{} bytes left out]\n", begin_ - at);
        at = begin_;
    }
    std::uint64_t place = begin_;
    for (const auto& line : lines_) {
        if (place >= at && piece.text.size() < kPiece) {
            piece.text += line;
            at = place + line.size();
        }
        place += line.size();
    }
    piece.next = at;
    piece.ended = ended_ && at >= next();
    return piece;
}

void BuildLog::wake_all() {
    std::lock_guard lock(wake_mutex_);
    for (const auto& [id, wake] : wakes_) wake();
}

std::shared_ptr<void> BuildLog::subscribe(std::function<void()> wake) {
    std::lock_guard lock(wake_mutex_);
    const auto id = next_wake_++;
    wakes_[id] = std::move(wake);
    auto self = shared_from_this();
    return std::shared_ptr<void>(this, [self, id](void*) {
        std::lock_guard guard(self->wake_mutex_);
        self->wakes_.erase(id);
    });
}

}  // namespace hearth::build
