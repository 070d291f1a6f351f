#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace hearth::backend {

/// Cuts a stream of bytes into lines; unlike LineSplitter it loses nothing: a long line comes in
/// pieces. Of a line redrawn with carriage returns the last state is passed on. Pure.
class LineCutter {
 public:
    static constexpr std::size_t kLongestPiece = 16 * 1024;

    void feed(std::string_view bytes, const std::function<void(std::string_view)>& on_line);
    /// The last line, if it has no end.
    void finish(const std::function<void(std::string_view)>& on_line);

 private:
    void emit(const std::function<void(std::string_view)>& on_line);

    std::string line_;
};

}  // namespace hearth::backend
