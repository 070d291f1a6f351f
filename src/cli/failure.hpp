#pragma once

#include "hearth/base/error.hpp"

namespace hearth::cli {

enum ExitCode {
    kDone = 0,
    kFailed = 1,
    kUsage = 2,
    kNotFound = 3,
    kRefused = 4,      ///< by validation or conflict
    kUnreachable = 5,  ///< no daemon, or not authorised
};

/// The one table from error kinds to exit codes.
int exit_code_of(Errc code);

}  // namespace hearth::cli
