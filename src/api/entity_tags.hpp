#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/http/message.hpp"

namespace hearth::api {

/// What If-Match or If-None-Match names (RFC 9110 sections 13.1.1 and 13.1.2).
struct EntityTags {
    bool any = false;                     ///< "*": whatever is there
    std::vector<std::int64_t> revisions;  ///< of the tags that are this server's
    bool holds(std::int64_t revision) const;
};

/// If-Match compares strongly, so that a weak tag names nothing; If-None-Match compares weakly.
enum class Comparison { strong, weak };

/// Errors: invalid_argument when `list` is neither "*" nor a list of entity tags.
Result<EntityTags> parse_entity_tags(std::string_view list, Comparison comparison);
/// Of a request's field; nothing when it is absent. Errors as above, naming the field.
Result<std::optional<EntityTags>> entity_tags(const http::HeaderList& headers,
                                              std::string_view field, Comparison comparison);

/// "<revision>" as an entity tag.
std::string etag_of(std::int64_t revision);

}  // namespace hearth::api
