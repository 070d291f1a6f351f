#pragma once

#include <algorithm>

#include "api/context.hpp"

namespace hearth::api {

inline constexpr std::int64_t kMostItems = 500, kItems = 100;

/// `limit` and `continue` of a list that goes from the newest number down. `Query` has `limit` and
/// `before`.
template <class Query>
void read_page(const Request& request, Query& query) {
    query.limit = static_cast<std::size_t>(
        std::clamp<std::int64_t>(request.integer("limit", kItems), 1, kMostItems));
    query.before = request.integer("continue", 0);
}

}  // namespace hearth::api
