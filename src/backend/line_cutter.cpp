#include "backend/line_cutter.hpp"

namespace hearth::backend {

void LineCutter::feed(std::string_view bytes,
                      const std::function<void(std::string_view)>& on_line) {
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        std::string_view part = bytes.substr(0, end);
        while (line_.size() + part.size() > kLongestPiece) {
            const auto room = kLongestPiece - line_.size();
            line_.append(part.substr(0, room));
            part.remove_prefix(room);
            emit(on_line);
        }
        line_.append(part);
        if (end == std::string_view::npos) return;
        emit(on_line);
        bytes.remove_prefix(end + 1);
    }
}

void LineCutter::finish(const std::function<void(std::string_view)>& on_line) {
    if (!line_.empty()) emit(on_line);
}

void LineCutter::emit(const std::function<void(std::string_view)>& on_line) {
    std::string_view text = line_;
    while (text.ends_with('\r')) text.remove_suffix(1);
    if (const auto redrawn = text.rfind('\r'); redrawn != std::string_view::npos)
        text.remove_prefix(redrawn + 1);
    on_line(text);
    line_.clear();
}

}  // namespace hearth::backend
