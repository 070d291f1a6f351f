#pragma once

#include <string>

#include "runner/fault.hpp"

namespace hearth::runner {

/// Copies this program to `path`, for a container whose image does not have it. Errors: io,
/// no_space.
Result<void> install_program(const std::string& path);

}  // namespace hearth::runner
