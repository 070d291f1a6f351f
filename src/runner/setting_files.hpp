#pragma once

#include <string>

#include "runner/fault.hpp"
#include "runner/order.hpp"

namespace hearth::runner {

/// Makes `folder` hold exactly `files`: each written aside and renamed, then what is not named
/// removed. Files get mode 0444, folders 0755: others may read them and no more.
/// Errors: io, no_space; some files may be in place by then.
Result<void> replace_files(const std::string& folder, const FileMap& files);

}  // namespace hearth::runner
