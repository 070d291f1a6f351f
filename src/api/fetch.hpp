#pragma once

#include <optional>

#include "api/content.hpp"
#include "api/context.hpp"

namespace hearth::api {

/// Annotations that keep the address a package's archive was fetched from, without its query.
inline constexpr std::string_view kFetchedFrom = "hearth.io/fetched-from.";

/// Brings what packages name by http(s) address into the archive store and lets them name it by its
/// digest. What a checksum names and the store has is not fetched again; without a checksum the
/// fetched bytes decide, and a warning tells their digest. Refuses with all faults at once.
Task<std::optional<Refusal>> fetch_archives(Context& context, Incoming& incoming);

}  // namespace hearth::api
