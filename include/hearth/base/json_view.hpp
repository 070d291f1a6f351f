#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// Reading of a JSON object by dotted path ("metadata.name"), so a key that holds a dot cannot be
/// asked for. What is absent or of another type reads as empty: null, "", 0, false.
/// Thread: any; views and pointers live as long as the object.
namespace hearth::base {

inline const boost::json::value* value_at(const boost::json::object& object, std::string_view path) {
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

inline std::string_view text_view_at(const boost::json::object& object, std::string_view path) {
    const auto* value = value_at(object, path);
    return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

inline std::string text_at(const boost::json::object& object, std::string_view path) {
    return std::string(text_view_at(object, path));
}

inline std::int64_t integer_at(const boost::json::object& object, std::string_view path, std::int64_t fallback = 0) {
    const auto* value = value_at(object, path);
    if (value && value->is_int64()) return value->get_int64();
    if (value && value->is_uint64()) return static_cast<std::int64_t>(value->get_uint64());
    return fallback;
}

inline bool bool_at(const boost::json::object& object, std::string_view path) {
    const auto* value = value_at(object, path);
    return value && value->is_bool() && value->get_bool();
}

inline const boost::json::object* object_at(const boost::json::object& object, std::string_view path) {
    const auto* value = value_at(object, path);
    return value ? value->if_object() : nullptr;
}

inline const boost::json::array* list_at(const boost::json::object& object, std::string_view path) {
    const auto* value = value_at(object, path);
    return value ? value->if_array() : nullptr;
}

/// Copies the text members of a map.
inline std::map<std::string, std::string> texts_at(const boost::json::object& object, std::string_view path) {
    std::map<std::string, std::string> out;
    if (const auto* map = object_at(object, path)) {
        for (const auto& member : *map)
            if (const auto* text = member.value().if_string()) out.emplace(member.key(), *text);
    }
    return out;
}

/// Copies the text items of a list.
inline std::vector<std::string> strings_at(const boost::json::object& object, std::string_view path) {
    std::vector<std::string> out;
    if (const auto* list = list_at(object, path)) {
        for (const auto& item : *list)
            if (const auto* text = item.if_string()) out.emplace_back(*text);
    }
    return out;
}

}  // namespace hearth::base
