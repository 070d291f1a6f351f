#pragma once

#include "cli/program.hpp"

namespace hearth::cli {

/// `hearth package describe|rebuild|cancel|logs|download|builds`.
void add_package_builds(CLI::App& group, Program& program);

}  // namespace hearth::cli
