#pragma once

#include <optional>
#include <string_view>

#include "hearth/base/clock.hpp"

namespace hearth::base {

/// A time as RFC 3339 writes it ("2026-01-31T12:00:00Z", fraction and offset allowed).
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace hearth::base
