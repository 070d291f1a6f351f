#include "kube/watch_lines.hpp"

#include <boost/json/parse.hpp>

namespace hearth::kube {
namespace json = boost::json;

Result<WatchEvent> WatchLines::event_of(std::string_view line) {
    boost::system::error_code ec;
    auto value = json::parse(line, ec);
    if (ec || !value.is_object())
        return Error(Errc::invalid_argument, "a watch of Kubernetes sent what is not JSON", {},
                     std::string(kComponent));
    auto& root = value.get_object();
    const auto* type = root.if_contains("type");
    auto* object = root.if_contains("object");
    if (type == nullptr || !type->is_string() || object == nullptr || !object->is_object())
        return Error(Errc::invalid_argument,
                     "a watch of Kubernetes sent an event without type or object", {},
                     std::string(kComponent));
    WatchEvent event;
    const std::string_view word = type->get_string();
    if (word == "ADDED") {
        event.type = WatchEvent::Type::added;
    } else if (word == "MODIFIED") {
        event.type = WatchEvent::Type::modified;
    } else if (word == "DELETED") {
        event.type = WatchEvent::Type::deleted;
    } else if (word == "BOOKMARK") {
        event.type = WatchEvent::Type::bookmark;
    } else if (word == "ERROR") {
        event.type = WatchEvent::Type::error;
    } else {
        return Error(Errc::invalid_argument,
                     "a watch of Kubernetes sent an event of the unknown type " + std::string(word),
                     {}, std::string(kComponent));
    }
    event.object = std::move(object->get_object());
    return event;
}

Result<std::vector<WatchEvent>> WatchLines::feed(std::string_view bytes) {
    std::vector<WatchEvent> events;
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        rest_.append(bytes.substr(0, end));
        if (rest_.size() > kLongest)
            return Error(Errc::invalid_argument,
                         "a watch of Kubernetes sent an event of more than 16 MiB", {},
                         std::string(kComponent));
        if (end == std::string_view::npos) break;
        bytes.remove_prefix(end + 1);
        if (!rest_.empty()) {
            auto event = event_of(rest_);
            if (!event) return event.error();
            events.push_back(std::move(*event));
        }
        rest_.clear();
    }
    return events;
}

}  // namespace hearth::kube
