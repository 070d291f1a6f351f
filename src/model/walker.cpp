#include "model/walker.hpp"

#include <boost/json.hpp>

#include <algorithm>

#include "hearth/base/quantity.hpp"
#include "model/path.hpp"

namespace hearth::model {

namespace json = boost::json;

std::string PathLink::text() const {
    std::string out = parent ? parent->text() : std::string();
    if (is_index) {
        append_index(out, index);
    } else {
        append_key(out, key);
    }
    return out;
}

Fault Findings::make(const std::string& path, std::string message) const {
    const auto place = document_.place(path);
    return {document_.file, place.line, place.column, path, std::move(message)};
}

void Findings::fault(const std::string& path, std::string message) {
    out_.faults.push_back(make(path, std::move(message)));
}

void Findings::warn(const std::string& path, std::string message) {
    out_.warnings.push_back(make(path, std::move(message)));
}

bool is_zero(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            return true;
        case json::kind::bool_:
            return !value.get_bool();
        case json::kind::int64:
            return value.get_int64() == 0;
        case json::kind::uint64:
            return value.get_uint64() == 0;
        case json::kind::double_:
            return value.get_double() == 0;
        case json::kind::string:
            return value.get_string().empty();
        case json::kind::array:
            return value.get_array().empty();
        case json::kind::object:
            return std::all_of(value.get_object().begin(), value.get_object().end(),
                               [](const auto& member) { return is_zero(member.value()); });
    }
    return false;
}

namespace {

std::string shown(const json::value& value) {
    std::string text = json::serialize(value);
    if (text.size() > 40) {
        text.resize(37);
        while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80)
            text.pop_back();
        if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0) text.pop_back();
        text += "…";
    }
    return text;
}

std::string_view type_name(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            return "nothing";
        case json::kind::bool_:
            return "a boolean";
        case json::kind::int64:
        case json::kind::uint64:
        case json::kind::double_:
            return "a number";
        case json::kind::string:
            return "text";
        case json::kind::array:
            return "a list";
        case json::kind::object:
            return "a map";
    }
    return "";
}

std::string listed(const std::vector<std::string_view>& words) {
    std::string out;
    for (const std::string_view word : words) {
        if (word.empty()) continue;
        if (!out.empty()) out += ", ";
        out += word;
    }
    return out;
}

/// Path of the only row of the kind whose last part is `key`; empty when there is none or several.
void find_elsewhere(const FieldNode& node, std::string_view key,
                    std::vector<std::string_view>& found) {
    // Parts that many fields share have paths of their own, which would tell nothing here.
    for (const FieldNode& child : node.children) {
        if (edit_distance(child.name, key) == 0) found.push_back(child.row->path);
        find_elsewhere(child, key, found);
    }
}

}  // namespace

void Walker::walk(json::object& document) {
    walk_object(root_, document, nullptr);
}

void Walker::walk_object(const FieldNode& node, json::object& object, const PathLink* path) {
    bool has_null = false;
    for (auto& member : object) {
        const std::string_view key = member.key();
        const FieldNode* child = node.find(key);
        if (!child) {
            const PathLink link{path, key};
            if (node.rules.extended && key.find('/') != std::string_view::npos) {
                check_extended(member.value(), key, link);
            } else {
                unknown_key(node, key, path);
            }
            continue;
        }
        if (member.value().is_null()) {
            has_null = true;
            continue;
        }
        const PathLink link{path, key};
        walk_value(*child, member.value(), link);
    }
    for (const FieldNode& child : node.members()) {
        if (!child.row->required) continue;
        const json::value* value = object.if_contains(child.name);
        if (value && !value->is_null()) continue;
        findings_.fault(PathLink{path, child.name}.text(), "is missing");
    }
    if (!has_null) return;
    json::object kept;
    kept.reserve(object.size());
    for (auto& member : object) {
        if (!member.value().is_null()) kept.emplace(member.key(), std::move(member.value()));
    }
    object = std::move(kept);
}

void Walker::walk_map(const FieldNode& node, json::object& object, const PathLink& path) {
    if (node.rules.nonempty && object.empty()) findings_.fault(path.text(), "is empty");
    for (auto& member : object) {
        const PathLink link{&path, member.key()};
        if (node.rules.key) {
            if (auto fault = node.rules.key(member.key()); !fault.empty())
                findings_.fault(link.text(), std::move(fault));
        }
        if (member.value().is_object()) {
            walk_object(node, member.value().get_object(), &link);
        } else {
            wrong_type("a map", member.value(), link);
        }
    }
}

void Walker::unknown_key(const FieldNode& node, std::string_view key, const PathLink* path) {
    std::vector<std::string_view> names;
    for (const FieldNode& child : node.members()) {
        if (!child.rules.refused) names.push_back(child.name);
    }
    std::string message = "is no known field";
    const std::string_view near = nearest(key, names);
    if (!near.empty()) {
        message += "; did you mean " + std::string(near) + "?";
    } else {
        std::vector<std::string_view> elsewhere;
        if (key.size() <= 64) find_elsewhere(root_, key, elsewhere);
        if (elsewhere.size() == 1) {
            message += "; did you mean " + std::string(elsewhere.front()) + "?";
        } else {
            message += "; known here: " + listed(names);
        }
    }
    findings_.fault(PathLink{path, key}.text(), std::move(message));
}

void Walker::wrong_type(std::string_view wanted, const json::value& value, const PathLink& path) {
    std::string message =
        "must be " + std::string(wanted) + ", not " + std::string(type_name(value));
    const bool scalar = !value.is_object() && !value.is_array();
    if (scalar && !value.is_string()) message += " (" + shown(value) + ")";
    if (scalar && value.is_string()) message += " " + shown(value);
    if (wanted == "text" && scalar)
        message += "; write it in quotes: \"" + json::serialize(value) + "\"";
    findings_.fault(path.text(), std::move(message));
}

void Walker::walk_value(const FieldNode& node, json::value& value, const PathLink& path) {
    // What is any value's: its presence alone would do the harm.
    if (node.rules.refused && (node.type == FieldType::any || !is_zero(value))) {
        findings_.fault(path.text(), "is refused. " + std::string(node.row->doc));
        return;
    }
    check_type(node, value, path);
    check_effect(node, value, path);
}

void Walker::check_effect(const FieldNode& node, const json::value& value, const PathLink& path) {
    if (is_zero(value)) return;
    const bool elsewhere = node.rules.kubernetes && target_ != Target::kubernetes;
    if (node.rules.no_effect || (elsewhere && target_ == Target::process)) {
        findings_.warn(path.text(), "has no effect on this server");
    } else if (elsewhere) {
        findings_.warn(path.text(), "has an effect with the kubernetes backend alone");
    }
}

void Walker::check_extended(json::value& value, std::string_view key, const PathLink& path) {
    static const TextRule kKey = text_rule("label");
    if (auto fault = kKey(key); !fault.empty())
        return findings_.fault(path.text(), std::move(fault));
    const bool text = value.is_string() && !value.get_string().empty() &&
                      value.get_string().size() < 10 &&
                      std::all_of(value.get_string().begin(), value.get_string().end(),
                                  [](char c) { return c >= '0' && c <= '9'; });
    const bool number = value.is_int64() && value.get_int64() >= 0;
    if (!text && !number)
        return findings_.fault(path.text(), "an extended resource is counted in whole numbers");
    if (target_ == Target::process) findings_.warn(path.text(), "has no effect on this server");
}

void Walker::check_type(const FieldNode& node, json::value& value, const PathLink& path) {
    switch (node.type) {
        case FieldType::any:
            if (node.rules.value) {
                if (auto fault = node.rules.value(value); !fault.empty())
                    findings_.fault(path.text(), std::move(fault));
            }
            return;
        case FieldType::string:
            return check_string(node, value, path);
        case FieldType::integer:
            return check_integer(node, value, path);
        case FieldType::number:
            if (!value.is_number()) wrong_type("a number", value, path);
            return;
        case FieldType::boolean:
            if (!value.is_bool()) return wrong_type("true or false", value, path);
            if (node.rules.only_true && !value.get_bool())
                findings_.fault(path.text(), "is refused: pods never run as root; remove it");
            return;
        case FieldType::object:
            if (!value.is_object()) return wrong_type("a map", value, path);
            if (node.rules.map_of) return walk_map(node, value.get_object(), path);
            return walk_object(node, value.get_object(), &path);
        case FieldType::list:
        case FieldType::string_list:
            return check_list(node, value, path);
        case FieldType::string_map:
            return check_map(node, value, path);
        case FieldType::duration:
        case FieldType::bytes:
        case FieldType::cpu:
            return check_quantity(node, value, path);
    }
}

void Walker::check_string(const FieldNode& node, json::value& value, const PathLink& path) {
    if (!value.is_string()) return wrong_type("text", value, path);
    const std::string_view text = value.get_string();
    if (node.rules.own_namespace && !text.empty() && text != namespace_) {
        findings_.fault(path.text(), "must be the object's own namespace (" +
                                         std::string(namespace_) + ") or be left out, not " +
                                         std::string(text));
        return;
    }
    check_text(node, text, path);
}

void Walker::check_text(const FieldNode& node, std::string_view text, const PathLink& path) {
    const FieldRules& rules = node.rules;
    if (rules.nonempty && text.empty()) return findings_.fault(path.text(), "must not be empty");
    if (rules.max_length > 0 && text.size() > rules.max_length) {
        findings_.fault(path.text(), "has " + std::to_string(text.size()) + " bytes; at most " +
                                         std::to_string(rules.max_length) + " are allowed");
        return;
    }
    if (!rules.choices.empty() &&
        std::find(rules.choices.begin(), rules.choices.end(), text) == rules.choices.end()) {
        std::string message = "must be one of " + listed(rules.choices) + ", not " +
                              shown(json::value(json::string(text)));
        const std::string_view near = nearest(text, rules.choices);
        if (!near.empty()) message += "; did you mean " + std::string(near) + "?";
        findings_.fault(path.text(), std::move(message));
        return;
    }
    if (rules.max_decoded > 0 && text.size() / 4 * 3 > rules.max_decoded + 2) {
        findings_.fault(path.text(), "holds more than " + std::to_string(rules.max_decoded) +
                                         " bytes; upload it as an archive and name it in url");
        return;
    }
    if (!rules.text) return;
    if (auto fault = rules.text(text); !fault.empty()) {
        findings_.fault(path.text(), std::move(fault));
    }
}

void Walker::check_integer(const FieldNode& node, const json::value& value, const PathLink& path) {
    if (!value.is_int64() && !value.is_uint64()) return wrong_type("a whole number", value, path);
    const std::int64_t number = value.is_int64() ? value.get_int64() : INT64_MAX;
    const FieldRules& rules = node.rules;
    const bool low = rules.min && number < *rules.min;
    const bool high = rules.max && number > *rules.max;
    if (!low && !high) return;
    std::string message = "must be ";
    if (rules.min && rules.max) {
        message += "between " + std::to_string(*rules.min) + " and " + std::to_string(*rules.max);
    } else {
        message += low ? "at least " + std::to_string(*rules.min)
                       : "at most " + std::to_string(*rules.max);
    }
    findings_.fault(path.text(), message + ", not " + json::serialize(value));
}

void Walker::check_quantity(const FieldNode& node, const json::value& value, const PathLink& path) {
    const bool duration = node.type == FieldType::duration;
    const bool plain_number = value.is_number() && !duration;
    if (!value.is_string() && !plain_number) {
        return wrong_type(
            duration ? "a duration such as \"30s\"" : "a quantity such as \"64Mi\" or \"500m\"",
            value, path);
    }
    const std::string text =
        value.is_string() ? std::string(value.get_string()) : json::serialize(value);
    std::optional<Error> error;
    std::int64_t milliseconds = 1;
    if (duration) {
        auto parsed = base::parse_duration_ms(text);
        if (parsed) milliseconds = *parsed;
        if (!parsed) error = parsed.error();
    } else if (node.type == FieldType::bytes) {
        if (auto parsed = base::parse_bytes(text); !parsed) error = parsed.error();
    } else if (auto parsed = base::parse_millicores(text); !parsed) {
        error = parsed.error();
    }
    if (error) return findings_.fault(path.text(), error->message);
    if (node.rules.positive && milliseconds <= 0) {
        findings_.fault(path.text(), "must be more than nothing");
    }
}

void Walker::check_list(const FieldNode& node, json::value& value, const PathLink& path) {
    if (!value.is_array()) return wrong_type("a list", value, path);
    auto& array = value.get_array();
    if (node.rules.nonempty && array.empty()) findings_.fault(path.text(), "must not be empty");
    for (std::size_t i = 0; i < array.size(); ++i) {
        const PathLink link{&path, {}, i, true};
        if (node.type == FieldType::string_list) {
            if (!array[i].is_string()) {
                wrong_type("text", array[i], link);
            } else {
                check_text(node, array[i].get_string(), link);
            }
        } else if (!array[i].is_object()) {
            wrong_type("a map", array[i], link);
        } else {
            walk_object(node, array[i].get_object(), &link);
        }
    }
}

void Walker::check_map(const FieldNode& node, json::value& value, const PathLink& path) {
    if (!value.is_object()) return wrong_type("a map", value, path);
    for (auto& member : value.get_object()) {
        const PathLink link{&path, member.key()};
        if (node.rules.key) {
            if (auto fault = node.rules.key(member.key()); !fault.empty()) {
                findings_.fault(link.text(), std::move(fault));
            }
        }
        if (member.value().is_null()) {
            findings_.fault(link.text(), "has no value");
        } else if (!member.value().is_string()) {
            wrong_type("text", member.value(), link);
        } else {
            check_text(node, member.value().get_string(), link);
        }
    }
}

}  // namespace hearth::model
