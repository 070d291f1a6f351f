#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth::model {

/// A kind of objects as an API server has it.
struct WatchedType {
    std::string api_version;  ///< "v1", "apps/v1"
    std::string kind;         ///< "Pod"
};

/// One of Fission's four names, in any case, or [group/]version/Kind. Nothing: neither.
std::optional<WatchedType> parse_watched_type(std::string_view text);

}  // namespace hearth::model
