#include <boost/json.hpp>

#include "hearth/model/kinds.hpp"
#include "model/field_tree.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

struct Pattern {
    std::string_view rule;
    std::string_view pattern;
};

/// What a JSON Schema can say of a text rule; the validator's own check is the stricter one.
constexpr Pattern kPatterns[] = {
    {"dns1123", "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"},
    {"hostname",
     "^$|^\\*$|^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"},
    {"env", "^[-._a-zA-Z][-._a-zA-Z0-9]*$"},
    {"data", "^[-._a-zA-Z0-9]{1,253}$"},
    {"sha256", "^$|^[0-9a-fA-F]{64}$"},
    {"route", "^$|^/[!-\\[\\]-~]*$"},
    {"prefix", "^$|^/[!-\\[\\]-z|~]*$"},
    {"header", "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"},
    {"url", "^$|^(archive|https?)://[!-~]+$"},
    {"origin", "^(\\*|null|https?://[^/]+)$"},
    {"method",
     "^$|^([Gg][Ee][Tt]|[Hh][Ee][Aa][Dd]|[Pp][Oo][Ss][Tt]|[Pp][Uu][Tt]|[Pp][Aa][Tt][Cc][Hh]|"
     "[Dd][Ee][Ll][Ee][Tt][Ee]|[Cc][Oo][Nn][Nn][Ee][Cc][Tt]|[Oo][Pp][Tt][Ii][Oo][Nn][Ss]|"
     "[Tt][Rr][Aa][Cc][Ee])$"},
};

std::string_view pattern_of(std::string_view rule) {
    for (const Pattern& row : kPatterns) {
        if (row.rule == rule) return row.pattern;
    }
    return {};
}

json::object text_schema(const FieldRules& rules) {
    json::object out;
    out["type"] = "string";
    if (rules.nonempty) out["minLength"] = 1;
    if (rules.max_length > 0) out["maxLength"] = rules.max_length;
    if (!rules.choices.empty()) {
        json::array choices;
        for (const auto choice : rules.choices) choices.emplace_back(json::string(choice));
        out["enum"] = std::move(choices);
    }
    for (const auto rule : rules.names) {
        if (const auto pattern = pattern_of(rule); !pattern.empty()) out["pattern"] = pattern;
        if (rule.starts_with("base64")) out["contentEncoding"] = "base64";
        if (rule == "rfc3339") out["format"] = "date-time";
        if (rule == "nonempty-items") out["minLength"] = 1;
    }
    return out;
}

json::object node_schema(const FieldNode& node);

json::object object_schema(const FieldNode& node) {
    json::object out, properties;
    if (node.part || node.rules.extended) {
        // Its many fields stand in the reference; they would make this document many times as long.
        out["type"] = "object";
        return out;
    }
    json::array required;
    for (const FieldNode& child : node.children) {
        properties[child.name] = node_schema(child);
        if (child.row->required) required.emplace_back(json::string(child.name));
    }
    out["type"] = "object";
    out["properties"] = std::move(properties);
    out["additionalProperties"] = false;
    if (!required.empty()) out["required"] = std::move(required);
    return out;
}

json::object map_schema(const FieldRules& rules) {
    json::object out;
    out["type"] = "object";
    for (const auto rule : rules.names) {
        if (!rule.starts_with("keys:")) continue;
        if (const auto pattern = pattern_of(rule.substr(5)); !pattern.empty()) {
            json::object names;
            names["pattern"] = pattern;
            out["propertyNames"] = std::move(names);
        }
    }
    out["additionalProperties"] = text_schema(rules);
    return out;
}

json::object typed_schema(const FieldNode& node) {
    json::object out;
    switch (node.type) {
        case FieldType::string:
            return text_schema(node.rules);
        case FieldType::integer:
            out["type"] = "integer";
            if (node.rules.min) out["minimum"] = *node.rules.min;
            if (node.rules.max) out["maximum"] = *node.rules.max;
            return out;
        case FieldType::number:
            out["type"] = "number";
            return out;
        case FieldType::boolean:
            out["type"] = "boolean";
            return out;
        case FieldType::object:
            return object_schema(node);
        case FieldType::list:
            out["type"] = "array";
            out["items"] = object_schema(node);
            return out;
        case FieldType::string_list:
            out["type"] = "array";
            if (node.rules.nonempty) out["minItems"] = 1;
            out["items"] = text_schema(node.rules);
            return out;
        case FieldType::string_map:
            return map_schema(node.rules);
        case FieldType::duration:
            out["type"] = "string";
            out["examples"] = json::array{"30s", "5m"};
            return out;
        case FieldType::bytes:
        case FieldType::cpu:
            out["type"] = json::array{"string", "integer"};
            if (node.type == FieldType::cpu) out["type"] = json::array{"string", "number"};
            out["examples"] =
                node.type == FieldType::cpu ? json::array{"500m", 1} : json::array{"64Mi"};
            return out;
        case FieldType::any:
            return out;
    }
    return out;
}

/// The default as the field's own type.
json::value default_value(const FieldRow& row) {
    const std::string text(row.fallback);
    if (row.type == FieldType::integer) return std::stoll(text);
    if (row.type == FieldType::boolean) return text == "true";
    if (row.type == FieldType::string_list) return json::array{json::string(text)};
    return json::value(json::string(text));
}

json::object node_schema(const FieldNode& node) {
    json::object out = typed_schema(node);
    out["description"] = node.row->doc;
    if (!node.row->fallback.empty()) out["default"] = default_value(*node.row);
    // Fission's tools write null for what is absent.
    if (!node.row->required && out.if_contains("type") && !out.contains("enum")) {
        json::value& type = out["type"];
        json::array types;
        if (type.is_array()) {
            types = type.get_array();
        } else {
            types.push_back(type);
        }
        types.emplace_back("null");
        type = std::move(types);
    }
    return out;
}

}  // namespace

json::object schema(Kind kind) {
    json::object out = object_schema(field_tree(kind));
    json::object& properties = out["properties"].as_object();
    properties["kind"].as_object()["const"] = table(kind).name;
    const bool data = kind == Kind::secret || kind == Kind::config_map;
    if (!data)
        properties["apiVersion"].as_object()["enum"] = json::array{"hearth/v1", "fission.io/v1"};
    out["title"] = table(kind).name;
    out["description"] = table(kind).doc;
    return out;
}

}  // namespace hearth::model
