#pragma once

#include <string>
#include <string_view>

#include "hearth/catalog/call_queue.hpp"

namespace hearth::store {

/// Headers at rest: "name: value" lines. No header that got this far holds a line end, and values
/// need not be UTF-8, which JSON would ask of them.
std::string headers_text(const catalog::CallHeaders& headers);
catalog::CallHeaders headers_of(std::string_view text);

}  // namespace hearth::store
