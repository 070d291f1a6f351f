#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::model {

/// Reading of a JSON object by dotted path; what is absent or of another type reads as empty.

inline const boost::json::value* value_at(const boost::json::object& object,
                                          std::string_view path) {
    const boost::json::object* at = &object;
    for (;;) {
        const std::size_t dot = path.find('.');
        const boost::json::value* value = at->if_contains(path.substr(0, dot));
        if (!value || dot == std::string_view::npos) return value;
        at = value->if_object();
        if (!at) return nullptr;
        path.remove_prefix(dot + 1);
    }
}

inline std::string_view text_at(const boost::json::object& object, std::string_view path) {
    const auto* value = value_at(object, path);
    return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

inline std::int64_t integer_at(const boost::json::object& object, std::string_view path,
                               std::int64_t fallback = 0) {
    const auto* value = value_at(object, path);
    return value && value->is_int64() ? value->get_int64() : fallback;
}

inline bool bool_at(const boost::json::object& object, std::string_view path) {
    const auto* value = value_at(object, path);
    return value && value->is_bool() && value->get_bool();
}

inline const boost::json::object* object_at(const boost::json::object& object,
                                            std::string_view path) {
    const auto* value = value_at(object, path);
    return value ? value->if_object() : nullptr;
}

inline const boost::json::array* list_at(const boost::json::object& object, std::string_view path) {
    const auto* value = value_at(object, path);
    return value ? value->if_array() : nullptr;
}

/// Copies the text members of a map.
inline std::map<std::string, std::string> texts_at(const boost::json::object& object,
                                                   std::string_view path) {
    std::map<std::string, std::string> out;
    if (const auto* map = object_at(object, path)) {
        for (const auto& member : *map) {
            if (const auto* text = member.value().if_string()) {
                out.emplace(std::string(member.key()), std::string(*text));
            }
        }
    }
    return out;
}

inline std::vector<std::string> strings_at(const boost::json::object& object,
                                           std::string_view path) {
    std::vector<std::string> out;
    if (const auto* list = list_at(object, path)) {
        for (const auto& item : *list) {
            if (const auto* text = item.if_string()) out.emplace_back(*text);
        }
    }
    return out;
}

}  // namespace hearth::model
