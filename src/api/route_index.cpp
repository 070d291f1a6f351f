#include "api/route_index.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace hearth::api {
namespace {

/// The text of a member of a compact JSON object, without reading the rest. Empty when it is absent
/// or escaped.
std::string member_text(std::string_view spec, std::string_view key) {
    const std::string opening = "\"" + std::string(key) + "\":\"";
    const auto at = spec.find(opening);
    if (at == std::string_view::npos) return {};
    const auto start = at + opening.size();
    const auto end = spec.find('"', start);
    if (end == std::string_view::npos) return {};
    return std::string(spec.substr(start, end - start));
}

std::string path_of(std::string_view spec) {
    auto path = member_text(spec, "prefix");
    if (path.empty()) path = member_text(spec, "relativeurl");
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

std::vector<std::string_view> segments(std::string_view path) {
    std::vector<std::string_view> list;
    while (!path.empty()) {
        path.remove_prefix(path.front() == '/' ? 1 : 0);
        const auto end = path.find('/');
        list.push_back(path.substr(0, end));
        path = end == std::string_view::npos ? std::string_view() : path.substr(end);
    }
    return list;
}

bool parameter(std::string_view segment) {
    return segment.size() > 2 && segment.front() == '{';
}

bool compatible(std::string_view a, std::string_view b) {
    const auto left = segments(a), right = segments(b);
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
        if (left[i] != right[i] && !parameter(left[i]) && !parameter(right[i])) return false;
    }
    return true;
}

}  // namespace

RouteIndex::RouteIndex(const std::vector<catalog::RecordPtr>& triggers) {
    for (const auto& record : triggers) {
        auto path = path_of(record->spec_text);
        const auto length = segments(path).size();
        if (path.find('{') == std::string::npos) {
            literal_[path].push_back(record);
        } else {
            patterns_[length].push_back(Entry{path, record});
        }
        by_length_[length].push_back(Entry{std::move(path), record});
    }
}

std::vector<catalog::RecordPtr> RouteIndex::candidates(const model::Resource& trigger) const {
    std::vector<catalog::RecordPtr> list;
    const auto path = path_of(boost::json::serialize(trigger.spec));
    const auto length = segments(path).size();
    const bool literal = path.find('{') == std::string::npos;
    const auto add = [&](const catalog::RecordPtr& record) {
        const bool itself = record->metadata.name == trigger.metadata.name &&
                            record->metadata.ns == trigger.metadata.ns;
        if (!itself) list.push_back(record);
    };
    if (literal) {
        if (const auto same = literal_.find(path); same != literal_.end()) {
            std::for_each(same->second.begin(), same->second.end(), add);
        }
    }
    const auto& others = literal ? patterns_ : by_length_;
    if (const auto found = others.find(length); found != others.end()) {
        for (const auto& entry : found->second) {
            if (compatible(entry.path, path)) add(entry.record);
        }
    }
    return list;
}

}  // namespace hearth::api
