#pragma once

#include <string_view>

namespace hearth::runner {

/// One line on standard error; control characters are blanked.
void log_line(std::string_view text);

}  // namespace hearth::runner
