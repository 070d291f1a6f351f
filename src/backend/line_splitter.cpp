#include "backend/line_splitter.hpp"

#include <algorithm>
#include <utility>

namespace hearth::backend {

bool is_log_record(std::string_view line) {
    return line.substr(0, 11) == R"({"hearth":1)" || line.substr(0, 12) == R"({"hearth": 1)";
}

void LineSplitter::append(std::string_view part) {
    const bool record =
        is_log_record(line_.size() < 12 ? std::string_view(part) : std::string_view(line_)) ||
        is_log_record(line_);
    const std::size_t limit = record ? kLongestRecord : kLongestLine + 1;
    if (line_.size() < limit) line_.append(part.substr(0, limit - line_.size()));
}

void LineSplitter::feed(std::string_view bytes,
                        const std::function<void(std::string_view)>& on_line) {
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        append(bytes.substr(0, end));
        if (end == std::string_view::npos) return;
        on_line(line_);
        line_.clear();
        bytes.remove_prefix(end + 1);
    }
}

void LineSplitter::finish(const std::function<void(std::string_view)>& on_line) {
    if (!line_.empty()) on_line(line_);
    line_.clear();
}

void TailBuffer::add(std::string_view line) {
    if (line.size() >= kBytes) line = line.substr(line.size() - kBytes + 1);
    text_.append(line);
    text_.push_back('\n');
    if (text_.size() <= kBytes) return;
    const auto next = text_.find('\n', text_.size() - kBytes - 1);
    text_.erase(0, next == std::string::npos || next + 1 >= text_.size() ? text_.size() - kBytes
                                                                         : next + 1);
}

bool OutputBudget::take(std::size_t bytes, double now) {
    if (last_ != 0) left_ = std::min(kBurst, left_ + (now - last_) * kBytesPerSecond);
    last_ = now;
    if (left_ < static_cast<double>(bytes)) {
        ++dropped_;
        return false;
    }
    left_ -= static_cast<double>(bytes);
    return true;
}

std::size_t OutputBudget::take_dropped() {
    return std::exchange(dropped_, 0);
}

}  // namespace hearth::backend
