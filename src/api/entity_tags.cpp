#include "api/entity_tags.hpp"

#include <algorithm>
#include <charconv>

namespace hearth::api {

std::string etag_of(std::int64_t revision) {
    return "\"" + std::to_string(revision) + "\"";
}

bool EntityTags::holds(std::int64_t revision) const {
    return any || std::find(revisions.begin(), revisions.end(), revision) != revisions.end();
}

Result<EntityTags> parse_entity_tags(std::string_view list, Comparison comparison) {
    EntityTags tags;
    const auto skip = [&list](std::string_view drop) {
        const auto at = list.find_first_not_of(drop);
        list.remove_prefix(at == std::string_view::npos ? list.size() : at);
    };
    const Error malformed(Errc::invalid_argument,
                          "is neither * nor a list of entity tags such as \"12\"", {}, "api");
    skip(" \t");
    if (list == "*") {
        tags.any = true;
        return tags;
    }
    bool found = false;
    for (skip(" \t,"); !list.empty(); skip(" \t,")) {
        const bool weak = list.starts_with("W/");
        if (weak) list.remove_prefix(2);
        const auto end = list.starts_with('"') ? list.find('"', 1) : std::string_view::npos;
        if (end == std::string_view::npos) return malformed;
        const auto tag = list.substr(1, end - 1);
        list.remove_prefix(end + 1);
        skip(" \t");
        if (!list.empty() && list.front() != ',') return malformed;
        found = true;
        if (weak && comparison == Comparison::strong) continue;
        std::int64_t revision = 0;
        const auto [last, ec] = std::from_chars(tag.data(), tag.data() + tag.size(), revision);
        // Compared as text: 012 is not the tag of revision 12.
        if (ec == std::errc() && last == tag.data() + tag.size() && std::to_string(revision) == tag)
            tags.revisions.push_back(revision);
    }
    if (!found) return malformed;
    return tags;
}

Result<std::optional<EntityTags>> entity_tags(const http::HeaderList& headers,
                                              std::string_view field, Comparison comparison) {
    // A field that is sent twice is one list (RFC 9110 section 5.3).
    std::string list;
    bool present = false;
    for (std::size_t i = 0; i < headers.size(); ++i) {
        const auto [name, value] = headers.at(i);
        if (!http::same_name(name, field)) continue;
        if (present) list += ',';
        list += value;
        present = true;
    }
    if (!present) return std::optional<EntityTags>();
    auto tags = parse_entity_tags(list, comparison);
    if (!tags)
        return Error(Errc::invalid_argument, std::string(field) + " " + tags.error().message, {},
                     "api");
    return std::optional<EntityTags>(std::move(*tags));
}

}  // namespace hearth::api
