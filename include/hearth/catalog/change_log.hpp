#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <vector>

#include "hearth/catalog/catalog.hpp"

namespace hearth::catalog {

/// The newest changes, for watch replay.
/// Thread: append and load from the one writer; since from any.
class ChangeLog {
 public:
    /// `capacity`: changes kept, at least 1.
    explicit ChangeLog(std::size_t capacity);

    void append(const std::vector<Change>& changes);
    /// Replaces everything. `floor`: the newest revision that is no longer kept.
    void load(std::deque<Change> changes, std::int64_t floor);
    /// Changes after `revision`, at most `limit` (0: all). A revision the log has not reached yet
    /// is reported as too old, too: whoever holds it saw a state that was lost, and must list
    /// again.
    ChangesSince since(std::int64_t revision, std::size_t limit) const;

 private:
    void trim();

    const std::size_t capacity_;
    mutable std::shared_mutex mutex_;
    std::deque<Change> changes_;
    std::int64_t floor_ = 0;
    std::int64_t newest_ = 0;
};

/// Who is told of changes.
/// Thread: any. A callback never runs after its handle is gone; a handle may be dropped inside its
/// own callback.
class Subscribers {
 public:
    Subscribers();
    Catalog::Subscription add(std::function<void(const std::vector<Change>&)> on_changes);
    void notify(const std::vector<Change>& changes);

 private:
    struct Entry;
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace hearth::catalog
