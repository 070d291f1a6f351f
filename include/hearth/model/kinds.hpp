#pragma once

#include <boost/json/value.hpp>

#include <optional>
#include <span>
#include <string_view>

#include "hearth/model/resource.hpp"

namespace hearth::model {

/// How one field of a kind is checked, described and documented. The validator, the OpenAPI document and the
/// reference in config/resources.md all read these rows; there is no second description.
enum class FieldType {
    string, integer, number, boolean, object, list, string_map, string_list,
    duration,    ///< "30s"; see base::parse_duration_ms
    bytes,       ///< Kubernetes quantity
    cpu,         ///< Kubernetes CPU quantity
    any,         ///< passed through unread
};

struct FieldRow {
    std::string_view path;         ///< from the object's root, dots between, "[]" after a list: "spec.secrets[].name"
    FieldType type;
    bool required = false;
    std::string_view fallback;     ///< the default as text for the documentation; empty: none
    std::string_view rule;         ///< machine-read constraint: "enum:a,b", "min:0", "range:1..3", "dns1123", "path"…
    std::string_view doc;          ///< one sentence, unit included
};

struct KindTable {
    Kind kind;
    std::string_view name;         ///< "Function"
    std::string_view plural;       ///< "functions", as in REST paths
    std::string_view singular;     ///< "function"
    std::string_view short_name;   ///< "fn"
    std::string_view doc;
    std::span<const FieldRow> fields;
    bool immutable_spec = false;
};

const KindTable& table(Kind kind);
/// By kind name ("Function"), plural, singular or short name, case-insensitively.
std::optional<Kind> find_kind(std::string_view word);

/// JSON Schema (2020-12, as OpenAPI 3.1 uses it) of a kind, made from its table.
boost::json::object schema(Kind kind);
/// The reference of all kinds as Markdown, made from the tables.
std::string reference_markdown();

}  // namespace hearth::model
