#include "runner/log.hpp"

#include <unistd.h>

#include <string>

namespace hearth::runner {

void log_line(std::string_view text) {
    std::string line = "runner: ";
    for (const char c : text.substr(0, 2000))
        line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    line += '\n';
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace hearth::runner
