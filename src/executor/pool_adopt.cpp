#include "executor/pool_set.hpp"

namespace hearth::executor {
namespace {

constexpr std::chrono::milliseconds kLook{3};

}  // namespace

void PoolSet::hold(std::optional<Error> why) {
    std::vector<Work> all;
    {
        std::lock_guard lock(mutex_);
        budget_.held = true;
        held_back_ = std::move(why);
        for (auto& [key, pool] : pools_) {
            if (!held_back_ || pool->core.claims() == 0) continue;
            PoolEffects fx;
            Work work;
            pool->core.refuse_all(*held_back_, fx);
            collect(key, *pool, fx, work);
            all.push_back(std::move(work));
        }
    }
    for (auto& work : all) perform(std::move(work));
}

Task<void> PoolSet::wait_for_stock(Deadline deadline) {
    for (;;) {
        {
            std::lock_guard lock(mutex_);
            if (!budget_.held || held_back_ || stopped_) co_return;
        }
        const auto next = deadline.sooner(Deadline::after(kLook));
        const bool on = co_await aio::sleep_until(next);
        if (!on || deadline.passed()) co_return;
    }
}

void PoolSet::release_starts() {
    {
        std::lock_guard lock(mutex_);
        budget_.held = false;
        held_back_.reset();
    }
    tick();
}

void PoolSet::count_in(const InstanceRecordPtr& record) {
    std::lock_guard lock(mutex_);
    ++budget_.used;
    ++live_[record->pool];
}

bool PoolSet::adopt(const InstanceRecordPtr& record) {
    Work work;
    {
        std::lock_guard lock(mutex_);
        const auto found = pools_.find(record->pool);
        if (stopped_ || found == pools_.end()) return false;
        auto& pool = *found->second;
        const bool kept = pool.listed && !pool.core.retired();
        if (!kept && pool.core.claims() == 0) return false;
        {
            std::lock_guard record_lock(record->mutex);
            if (record->end_reason) return true;
            pool.warm.emplace(record->instance.id, record);
        }
        PoolEffects fx;
        pool.core.adopt(record->instance.id, clock_.now(), budget_, fx);
        collect(record->pool, pool, fx, work);
    }
    perform(std::move(work));
    return true;
}

void PoolSet::retire(const std::string& hash) {
    {
        std::lock_guard lock(mutex_);
        retiring_.insert(hash);
    }
    tick();
}

void PoolSet::revive(const std::string& hash) {
    std::lock_guard lock(mutex_);
    retiring_.erase(hash);
}

void PoolSet::drop_live(const std::string& key) {
    const auto live = live_.find(key);
    if (live != live_.end() && --live->second == 0) live_.erase(live);
}

std::vector<std::string> PoolSet::take_retired() {
    std::vector<std::string> done;
    for (auto it = retiring_.begin(); it != retiring_.end();) {
        const auto pool = pools_.find(*it);
        const bool busy =
            live_.count(*it) != 0 || (pool != pools_.end() && !pool->second->core.idle());
        if (busy) {
            ++it;
            continue;
        }
        done.push_back(*it);
        it = retiring_.erase(it);
    }
    return done;
}

}  // namespace hearth::executor
