#include "hearth/model/json_path.hpp"

#include <boost/json.hpp>

#include <cctype>
#include <charconv>

namespace hearth::model {

namespace json = boost::json;

namespace {

constexpr std::size_t kLongest = 1024;

Error wrong(std::string_view text, std::string_view why) {
    return Error(Errc::invalid_argument, "\"" + std::string(text.substr(0, 80)) +
                                             "\" is no path: " + std::string(why) +
                                             "; a path is like $, $.a.b, $.list[0] or $['a key']");
}

bool plain(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' ||
           static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

Result<JsonPath> JsonPath::parse(std::string_view text) {
    JsonPath path;
    if (text.size() > kLongest) return wrong(text, "it is longer than 1024 bytes");
    if (!text.starts_with('$')) return wrong(text, "it does not begin with $");
    auto rest = text.substr(1);
    while (!rest.empty()) {
        if (rest.front() == '.') {
            std::size_t end = 1;
            while (end < rest.size() && plain(rest[end])) ++end;
            if (end == 1) return wrong(text, "a name is missing after a dot");
            path.parts_.emplace_back(std::string(rest.substr(1, end - 1)));
            rest.remove_prefix(end);
        } else if (rest.starts_with("['")) {
            const auto end = rest.find("']", 2);
            if (end == std::string_view::npos) return wrong(text, "'] is missing");
            path.parts_.emplace_back(std::string(rest.substr(2, end - 2)));
            rest.remove_prefix(end + 2);
        } else if (rest.front() == '[') {
            std::size_t index = 0;
            const auto [stop, ec] =
                std::from_chars(rest.data() + 1, rest.data() + rest.size(), index);
            if (ec != std::errc() || stop == rest.data() + rest.size() || *stop != ']')
                return wrong(text, "a position is a whole number in []");
            path.parts_.emplace_back(index);
            rest.remove_prefix(static_cast<std::size_t>(stop - rest.data()) + 1);
        } else {
            return wrong(text,
                         "there must be . or [ before \"" + std::string(rest.substr(0, 20)) + "\"");
        }
    }
    return path;
}

const json::value* JsonPath::find(const json::value& in) const {
    const json::value* at = &in;
    for (const auto& part : parts_) {
        if (const auto* name = std::get_if<std::string>(&part)) {
            const auto* object = at->if_object();
            at = object ? object->if_contains(*name) : nullptr;
        } else {
            const auto* list = at->if_array();
            at = list ? list->if_contains(std::get<std::size_t>(part)) : nullptr;
        }
        if (!at) return nullptr;
    }
    return at;
}

Result<void> JsonPath::put(json::value& in, json::value what) const {
    json::value* at = &in;
    for (const auto& part : parts_) {
        if (const auto* name = std::get_if<std::string>(&part)) {
            if (at->is_null()) at->emplace_object();
            auto* object = at->if_object();
            if (!object)
                return Error(Errc::invalid_argument,
                             "\"" + *name + "\" cannot be put into what is no map");
            at = &(*object)[*name];
        } else {
            auto* list = at->if_array();
            const auto index = std::get<std::size_t>(part);
            if (!list || index >= list->size())
                return Error(Errc::invalid_argument, "there is no list with a position " +
                                                         std::to_string(index) +
                                                         " that could be written");
            at = &(*list)[index];
        }
    }
    *at = std::move(what);
    return {};
}

}  // namespace hearth::model
