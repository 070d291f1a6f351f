#include "hearth/catalog/change_log.hpp"

#include <algorithm>
#include <mutex>

namespace hearth::catalog {

ChangeLog::ChangeLog(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) {}

void ChangeLog::append(const std::vector<Change>& changes) {
    if (changes.empty()) return;
    std::unique_lock lock(mutex_);
    changes_.insert(changes_.end(), changes.begin(), changes.end());
    newest_ = changes.back().revision;
    trim();
}

void ChangeLog::load(std::deque<Change> changes, std::int64_t floor) {
    std::unique_lock lock(mutex_);
    changes_ = std::move(changes);
    floor_ = floor;
    newest_ = changes_.empty() ? floor : changes_.back().revision;
    trim();
}

void ChangeLog::trim() {
    while (changes_.size() > capacity_) {
        floor_ = changes_.front().revision;
        changes_.pop_front();
    }
}

ChangesSince ChangeLog::since(std::int64_t revision, std::size_t limit) const {
    ChangesSince answer;
    std::shared_lock lock(mutex_);
    if (revision < floor_ || revision > newest_) {
        answer.too_old = true;
        return answer;
    }
    auto at = std::upper_bound(
        changes_.begin(), changes_.end(), revision,
        [](std::int64_t wanted, const Change& change) { return wanted < change.revision; });
    const auto there = static_cast<std::size_t>(changes_.end() - at);
    const auto take = limit == 0 ? there : std::min(limit, there);
    answer.changes.assign(at, at + static_cast<std::ptrdiff_t>(take));
    return answer;
}

/// The mutex is recursive so that a callback may drop its own handle.
struct Subscribers::Entry {
    std::recursive_mutex mutex;
    bool active = true;
    std::function<void(const std::vector<Change>&)> on_changes;
};

struct Subscribers::State {
    std::mutex mutex;
    std::vector<std::shared_ptr<Entry>> entries;
};

Subscribers::Subscribers() : state_(std::make_shared<State>()) {}

Catalog::Subscription Subscribers::add(std::function<void(const std::vector<Change>&)> on_changes) {
    auto entry = std::make_shared<Entry>();
    entry->on_changes = std::move(on_changes);
    {
        std::lock_guard lock(state_->mutex);
        state_->entries.push_back(entry);
    }
    auto end = [state = state_, entry](void*) {
        {
            std::lock_guard lock(state->mutex);
            std::erase(state->entries, entry);
        }
        std::lock_guard lock(entry->mutex);
        entry->active = false;
    };
    return Catalog::Subscription(entry.get(), std::move(end));
}

void Subscribers::notify(const std::vector<Change>& changes) {
    if (changes.empty()) return;
    std::vector<std::shared_ptr<Entry>> entries;
    {
        std::lock_guard lock(state_->mutex);
        entries = state_->entries;
    }
    for (const auto& entry : entries) {
        std::lock_guard lock(entry->mutex);
        if (entry->active) entry->on_changes(changes);
    }
}

}  // namespace hearth::catalog
