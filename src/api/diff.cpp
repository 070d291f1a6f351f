#include "api/diff.hpp"

#include <boost/json.hpp>

#include "hearth/model/package_build.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

constexpr std::size_t kMostEntries = 500;
constexpr std::size_t kLongestText = 4096;

std::string member_path(const std::string& parent, std::string_view key) {
    const bool plain = key.find_first_of(".[]\"/ ") == std::string_view::npos;
    if (!plain) return parent + "[\"" + std::string(key) + "\"]";
    return parent.empty() ? std::string(key) : parent + "." + std::string(key);
}

/// A long text, such as code in a literal, would hide the rest of a diff.
json::value shown(const json::value* value, bool hide) {
    if (value == nullptr) return nullptr;
    if (hide) return "(hidden)";
    if (const auto* text = value->if_string(); text && text->size() > kLongestText) {
        return json::string("(" + std::to_string(text->size()) + " bytes)");
    }
    return *value;
}

class Differ {
 public:
    explicit Differ(bool secret) : secret_(secret) {}

    void compare(const std::string& path, const json::value* before, const json::value* after) {
        if (before && after && *before == *after) return;
        if (before && after && before->is_object() && after->is_object()) {
            compare_objects(path, before->get_object(), after->get_object());
            return;
        }
        const bool lists = before && after && before->is_array() && after->is_array();
        if (lists && before->get_array().size() == after->get_array().size()) {
            for (std::size_t i = 0; i < before->get_array().size(); ++i) {
                compare(path + "[" + std::to_string(i) + "]", &before->get_array()[i],
                        &after->get_array()[i]);
            }
            return;
        }
        add(path, before, after);
    }

    json::array take() { return std::move(entries_); }

 private:
    void compare_objects(const std::string& path, const json::object& before,
                         const json::object& after) {
        for (const auto& member : before) {
            compare(member_path(path, member.key()), &member.value(),
                    after.if_contains(member.key()));
        }
        for (const auto& member : after) {
            if (before.if_contains(member.key())) continue;
            compare(member_path(path, member.key()), nullptr, &member.value());
        }
    }

    void add(const std::string& path, const json::value* before, const json::value* after) {
        if (entries_.size() >= kMostEntries) return;
        const bool hide = secret_ && path.starts_with("data");
        json::object entry;
        entry["path"] = path;
        entry["from"] = shown(before, hide);
        entry["to"] = shown(after, hide);
        entries_.push_back(std::move(entry));
    }

    bool secret_;
    json::array entries_;
};

/// The parts of an object that a user writes, in their wire form.
json::object written_part(const model::Resource& resource) {
    json::object whole = model::to_json(resource);
    json::object metadata;
    if (const auto* source = whole["metadata"].if_object()) {
        for (const std::string_view key : {"labels", "annotations"}) {
            if (const auto* map = source->if_contains(key)) metadata[key] = *map;
        }
        if (auto* annotations = metadata["annotations"].if_object())
            annotations->erase(model::kBuildAnnotation);
    }
    whole.erase("apiVersion");
    whole.erase("kind");
    whole["metadata"] = std::move(metadata);
    return whole;
}

}  // namespace

json::array diff(const model::Resource& before, const model::Resource& after) {
    Differ differ(before.kind == model::Kind::secret);
    const json::value old_value = written_part(before);
    const json::value new_value = written_part(after);
    differ.compare("", &old_value, &new_value);
    return differ.take();
}

bool same_spec(const model::Resource& a, const model::Resource& b) {
    return a.spec == b.spec;
}

bool same_content(const model::Resource& a, const model::Resource& b) {
    return a.metadata.labels == b.metadata.labels &&
           a.metadata.annotations == b.metadata.annotations && same_spec(a, b);
}

void merge_patch(json::value& target, const json::value& patch) {
    const auto* changes = patch.if_object();
    if (changes == nullptr) {
        target = patch;
        return;
    }
    if (!target.is_object()) target = json::object();
    auto& object = target.get_object();
    for (const auto& change : *changes) {
        if (change.value().is_null()) {
            object.erase(change.key());
        } else {
            merge_patch(object[change.key()], change.value());
        }
    }
}

}  // namespace hearth::api
