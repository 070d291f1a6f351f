#pragma once

#include "cli/program.hpp"

namespace hearth::cli {

/// One line of a function's log as -o asks for; colours and escapes as the terminal takes them.
std::string log_line_text(const Settings& settings, const Terminal& terminal,
                          const boost::json::object& line);

}  // namespace hearth::cli
