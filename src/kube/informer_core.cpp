#include "kube/informer_core.hpp"

#include <algorithm>
#include <set>

#include "hearth/base/json_view.hpp"

namespace hearth::kube {
namespace json = boost::json;
using base::object_at;
using base::text_at;

std::string metadata_text(const json::object& object, std::string_view key) {
    const auto* metadata = object_at(object, "metadata");
    return metadata == nullptr ? std::string() : text_at(*metadata, key);
}

std::string object_key(const json::object& object) {
    return metadata_text(object, "namespace") + "/" + metadata_text(object, "name");
}

void InformerCore::resume(const InformerResume& from) {
    for (const auto& known : from.known) {
        json::object metadata;
        if (!known.ns.empty()) metadata["namespace"] = known.ns;
        metadata["name"] = known.name;
        metadata["uid"] = known.uid;
        metadata["resourceVersion"] = known.resource_version;
        json::object object;
        object["metadata"] = std::move(metadata);
        auto key = object_key(object);
        objects_.insert_or_assign(std::move(key),
                                  std::make_shared<const json::object>(std::move(object)));
    }
    if (from.revision.empty()) return;
    revision_ = from.revision;
    synced_ = true;
    next_ = Next{Next::Do::watch, Span(0), revision_};
}

void InformerCore::drop(const std::string& key, ObjectPtr last, bool certain,
                        std::vector<Notice>& notices) {
    objects_.erase(key);
    snapshot_.reset();
    Notice notice;
    notice.kind = Notice::Kind::deleted;
    notice.object = std::move(last);
    notice.certain = certain;
    notices.push_back(std::move(notice));
}

void InformerCore::put(json::object object, std::vector<Notice>& notices) {
    const auto key = object_key(object);
    const auto fresh = std::make_shared<const json::object>(std::move(object));
    Notice notice;
    notice.object = fresh;
    const auto known = objects_.find(key);
    if (known != objects_.end()) {
        const auto before = known->second;
        if (metadata_text(*before, "uid") != metadata_text(*fresh, "uid")) {
            // Deleted and made again while nobody looked: the name proves that the old one is gone.
            drop(key, before, true, notices);
        } else if (metadata_text(*before, "resourceVersion") ==
                   metadata_text(*fresh, "resourceVersion")) {
            return;
        } else {
            notice.kind = Notice::Kind::modified;
        }
    }
    objects_[key] = fresh;
    snapshot_.reset();
    notices.push_back(std::move(notice));
}

void InformerCore::listed(ObjectList list, Time now, std::vector<Notice>& notices) {
    heard_ = now;
    std::set<std::string> present;
    for (const auto& object : list.items) present.insert(object_key(object));
    std::vector<std::pair<std::string, ObjectPtr>> gone;
    for (const auto& [key, object] : objects_)
        if (present.count(key) == 0) gone.emplace_back(key, object);
    for (auto& [key, object] : gone) drop(key, std::move(object), false, notices);
    for (auto& object : list.items) put(std::move(object), notices);
    revision_ = std::move(list.resource_version);
    fresh_list_ = true;
    refusals_ = 0;
    if (!synced_ || tells_progress_) {
        Notice whole;
        whole.kind = synced_ ? Notice::Kind::relisted : Notice::Kind::synced;
        whole.revision = revision_;
        synced_ = true;
        notices.push_back(std::move(whole));
    }
    next_ = Next{Next::Do::watch, Span(0), revision_};
}

void InformerCore::list_failed(Time) {
    pause_before(Next::Do::list);
}

void InformerCore::watching(Time now) {
    watching_since_ = now;
}

void InformerCore::event(WatchEvent event, Time now, std::vector<Notice>& notices) {
    if (event.type == WatchEvent::Type::error) return;
    heard_ = now;
    fresh_list_ = false;
    refusals_ = 0;
    const auto revision = metadata_text(event.object, "resourceVersion");
    const auto before = notices.size();
    if (event.type == WatchEvent::Type::deleted) {
        const auto key = object_key(event.object);
        const auto known = objects_.find(key);
        // A late deletion must not take away the one that was made since under the same name.
        if (known != objects_.end() &&
            metadata_text(*known->second, "uid") == metadata_text(event.object, "uid"))
            drop(key, std::make_shared<const json::object>(std::move(event.object)), true, notices);
    } else if (event.type != WatchEvent::Type::bookmark) {
        put(std::move(event.object), notices);
    }
    if (revision.empty()) return;
    revision_ = revision;
    if (notices.size() == before && tells_progress_) {
        Notice progress;
        progress.kind = Notice::Kind::progress;
        notices.push_back(std::move(progress));
    }
    if (notices.size() > before) notices.back().revision = revision;
}

void InformerCore::watch_ended(WatchEnd end, Time now) {
    const auto lasted = watching_since_ ? now - *watching_since_ : Time::duration::zero();
    watching_since_.reset();
    if (lasted >= kGoodTime) failures_ = 0;
    if (end == WatchEnd::expired) {
        // A list whose own version is refused at once would be made again and again without a
        // pause.
        if (fresh_list_ && lasted < first_) return pause_before(Next::Do::list);
        next_ = Next{Next::Do::list, Span(0), {}};
        return;
    }
    if (end == WatchEnd::refused && ++refusals_ >= kMostRefusals)
        return pause_before(Next::Do::list);
    // A watch that lasted ended because its time was over, or with its server; one that broke at
    // once waits.
    if (end != WatchEnd::refused && lasted >= first_) {
        next_ = Next{Next::Do::watch, Span(0), revision_};
        return;
    }
    pause_before(Next::Do::watch);
}

void InformerCore::watch_failed(Time) {
    watching_since_.reset();
    pause_before(Next::Do::watch);
}

void InformerCore::pause_before(Next::Do then) {
    auto pause = first_;
    for (int i = 0; i < failures_ && pause < longest_; ++i) pause *= 2;
    pause = std::min(pause, longest_);
    ++failures_;
    std::uniform_int_distribution<Span::rep> less(0, pause.count() / 3);
    after_pause_ = then;
    next_ = Next{Next::Do::wait, pause - Span(less(random_)), {}};
}

void InformerCore::waited() {
    const bool watches = after_pause_ == Next::Do::watch;
    next_ = Next{after_pause_, Span(0), watches ? revision_ : std::string()};
}

std::shared_ptr<const InformerCore::Objects> InformerCore::snapshot() {
    if (!snapshot_) snapshot_ = std::make_shared<const Objects>(objects_);
    return snapshot_;
}

ObjectPtr InformerCore::find(const std::string& key) const {
    const auto found = objects_.find(key);
    return found == objects_.end() ? nullptr : found->second;
}

}  // namespace hearth::kube
