#pragma once

namespace hearth::runner {

/// The project's version, "0.1.0".
const char* version();

}  // namespace hearth::runner
