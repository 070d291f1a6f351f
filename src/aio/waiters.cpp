#include "hearth/aio/waiters.hpp"

namespace hearth::aio {

Waiters::Place::Place(Waiters& all, std::int64_t key, Executor executor)
    : all_(all), key_(key), signal_(std::make_shared<OneShot<bool>>(executor)) {}

Waiters::Place::~Place() {
    std::lock_guard lock(all_.mutex_);
    const auto [first, last] = all_.places_.equal_range(key_);
    for (auto at = first; at != last; ++at) {
        if (at->second != this) continue;
        all_.places_.erase(at);
        return;
    }
}

Task<void> Waiters::Place::wait(Deadline deadline) {
    co_await signal_->wait(deadline);
}

std::unique_ptr<Waiters::Place> Waiters::enter(std::int64_t key, Executor executor) {
    auto place = std::make_unique<Place>(*this, key, executor);
    {
        std::lock_guard lock(mutex_);
        if (!closed_ && places_.size() < most_) {
            places_.emplace(key, place.get());
            return place;
        }
    }
    return nullptr;  // past the lock, which the place's end takes
}

void Waiters::tell(std::int64_t key) {
    std::lock_guard lock(mutex_);
    const auto [first, last] = places_.equal_range(key);
    for (auto at = first; at != last; ++at) at->second->signal_->deliver(true);
}

void Waiters::close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    for (auto& [key, place] : places_) place->signal_->deliver(false);
}

}  // namespace hearth::aio
