#pragma once

#include <string_view>

namespace hearth::base {

/// The release this binary was built as, for example "0.1.0".
std::string_view version();

}  // namespace hearth::base
