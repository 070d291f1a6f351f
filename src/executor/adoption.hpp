#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "hearth/backend/backend.hpp"

namespace hearth::executor {

/// Instances that were there before anybody asked for them, until it is known what they are for: a
/// pure state machine, (state, event) → (state, effects).
///
/// Nothing is decided before the catalog has been read, so nothing is stopped for lack of
/// knowledge. Each instance is handed out exactly once; one that is found again, found late or that
/// ended meanwhile changes nothing. Thread: none of its own; the driver calls it under a lock.
class Adoption {
 public:
    /// An instance was found. Returns what is to be decided on now: nothing before open().
    std::vector<backend::FoundInstance> found(backend::FoundInstance instance);
    /// The catalog has been read. Returns all that was found until then and still is there.
    std::vector<backend::FoundInstance> open();
    /// The instance has ended. Ids are never used again, so it is not taken up any more.
    void ended(std::uint64_t id);
    /// The daemon started it by itself, or adopted it already.
    void known(std::uint64_t id);
    bool is_open() const { return open_; }

 private:
    bool open_ = false;
    std::vector<backend::FoundInstance> waiting_;
    std::unordered_set<std::uint64_t> seen_;
};

}  // namespace hearth::executor
