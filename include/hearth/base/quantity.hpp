#pragma once

#include <cstdint>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::base {

/// Kubernetes resource quantity as bytes: "64Mi", "1G", "1073741824". Errors: invalid_argument.
Result<std::uint64_t> parse_bytes(std::string_view text);

/// Kubernetes CPU quantity as thousandths of a core: "250m", "1", "0.5". Errors: invalid_argument.
Result<std::uint32_t> parse_millicores(std::string_view text);

/// Duration with unit as milliseconds: "250ms", "5s", "2m", "1h", "1h30m"; a bare number is refused.
Result<std::int64_t> parse_duration_ms(std::string_view text);

}  // namespace hearth::base
