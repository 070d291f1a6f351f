#include "executor/pool_set.hpp"

namespace hearth::executor {
namespace {

std::string key_of(const std::string& ns, const std::string& name) {
    return ns + "/" + name;
}

Error shutting_down() {
    return Error(Errc::unavailable, "the daemon is shutting down; try again later", {}, "executor");
}

}  // namespace

PoolSet::PoolSet(const ExecutorOptions& options, backend::Backend& backend, aio::Shards& shards,
                 const base::Clock& clock, telemetry::Logger& log, ExecutorMetrics& metrics,
                 InstanceTable& table, aio::TaskGroup& tasks, Hooks hooks)
    : options_(options),
      backend_(backend),
      shards_(shards),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      table_(table),
      tasks_(tasks),
      hooks_(std::move(hooks)) {
    budget_.max_instances = options.max_instances;
    budget_.parallel_starts = std::max<std::size_t>(1, options.parallel_starts);
}

PoolSet::Entry& PoolSet::entry(const backend::Runtime& runtime) {
    auto& pool = pools_[runtime.hash];
    if (!pool) {
        const auto& meta = runtime.environment;
        pool = std::make_unique<Entry>(key_of(meta.ns, meta.name));
        pool->runtime = runtime;
        pool->metrics = &metrics_.environment(meta.ns, meta.name);
    }
    // The newest scale goes to the backend with the next start.
    if (runtime.workload) pool->runtime = runtime;
    return *pool;
}

void PoolSet::keep_environment(const backend::Runtime& runtime, int poolsize) {
    const auto name = key_of(runtime.environment.ns, runtime.environment.name);
    const auto now = clock_.now();
    Work old_work, work;
    {
        std::lock_guard lock(mutex_);
        auto& hash = environments_[name];
        if (!hash.empty() && hash != runtime.hash) {
            if (const auto old = pools_.find(hash); old != pools_.end()) {
                retire_pool(*old->second, old_work);
            }
        }
        hash = runtime.hash;
        auto& pool = entry(runtime);
        pool.core.revive();
        pool.listed = true;
        pool.runtime = runtime;
        pool.core.configure(poolsize, options_.max_pool_size);
        PoolEffects fx;
        if (used_[name]) pool.core.use();
        pool.core.tick(now, budget_, fx);
        collect(runtime.hash, pool, fx, work);
    }
    perform(std::move(old_work));
    perform(std::move(work));
}

void PoolSet::drop_environment(const std::string& ns, const std::string& name) {
    Work work;
    {
        std::lock_guard lock(mutex_);
        const auto known = environments_.find(key_of(ns, name));
        if (known == environments_.end()) return;
        const auto pool = pools_.find(known->second);
        if (pool != pools_.end()) {
            // Calls of its functions wait for nothing any more.
            PoolEffects fx;
            const Error gone(Errc::not_found, "it was deleted", {}, "executor");
            pool->second->core.refuse_all(gone, fx);
            collect(pool->first, *pool->second, fx, work);
            retire_pool(*pool->second, work);
        }
        used_.erase(known->first);
        environments_.erase(known);
    }
    perform(std::move(work));
}

void PoolSet::retire_pool(Entry& pool, Work& work) {
    PoolEffects fx;
    pool.core.retire(fx);
    collect(pool.runtime.hash, pool, fx, work);
    if (pool.core.claims() > 0) return;
    for (auto& [start, end] : pool.ends) work.ended.push_back(std::move(end));
    pool.ends.clear();
}

void PoolSet::use_environment(const std::string& ns, const std::string& name) {
    Work work;
    {
        std::lock_guard lock(mutex_);
        auto& used = used_[key_of(ns, name)];
        if (used) return;
        used = true;
        const auto known = environments_.find(key_of(ns, name));
        if (known == environments_.end()) return;
        const auto pool = pools_.find(known->second);
        if (pool == pools_.end()) return;
        PoolEffects fx;
        pool->second->core.use();
        pool->second->core.tick(clock_.now(), budget_, fx);
        collect(pool->first, *pool->second, fx, work);
    }
    perform(std::move(work));
}

Task<Result<InstanceRecordPtr>> PoolSet::claim(backend::Runtime runtime, Deadline deadline) {
    const auto executor = co_await aio::net::this_coro::executor;
    auto answer = std::make_shared<Claim>(executor);
    std::uint64_t number = 0;
    Work work;
    {
        std::lock_guard lock(mutex_);
        if (stopped_) co_return shutting_down();
        if (retiring_.count(runtime.hash) != 0)
            co_return Error(Errc::unavailable, "the function was changed meanwhile", {},
                            "executor");
        auto& pool = entry(runtime);
        number = ++next_claim_;
        pool.claims.emplace(number, answer);
        PoolEffects fx;
        pool.core.claim(number, deadline.at(), clock_.now(), budget_, fx);
        if (held_back_) pool.core.refuse_all(*held_back_, fx);
        collect(runtime.hash, pool, fx, work);
    }
    perform(std::move(work));
    auto got = co_await answer->wait(deadline);
    if (got) co_return std::move(*got);
    Error late(Errc::deadline_exceeded,
               "no instance of environment " +
                   key_of(runtime.environment.ns, runtime.environment.name) + " started in time",
               {}, "executor");
    {
        std::lock_guard lock(mutex_);
        const auto pool = pools_.find(runtime.hash);
        if (pool != pools_.end()) {
            pool->second->core.cancel(number);
            pool->second->claims.erase(number);
            if (const auto* why = pool->second->core.last_error()) late.detail = why->message;
        }
    }
    if (!deadline.passed())
        co_return Error(Errc::cancelled, "the wait for an instance was cancelled", {}, "executor");
    co_return late;
}

InstanceRecordPtr PoolSet::claim_warm(const backend::Runtime& runtime) {
    InstanceRecordPtr record;
    Work work;
    {
        std::lock_guard lock(mutex_);
        if (stopped_) return nullptr;
        auto& pool = entry(runtime);
        if (pool.core.warm() == 0) return nullptr;
        const auto now = clock_.now();
        PoolEffects fx;
        pool.core.claim(++next_claim_, now, now, budget_, fx);
        const auto given = pool.warm.find(fx.gives.front().instance);
        record = given->second;
        pool.warm.erase(given);
        fx.gives.clear();
        pool.last_given = now;
        collect(runtime.hash, pool, fx, work);
    }
    perform(std::move(work));
    return record;
}

/// What claims wait for begins at once; what only fills the pool up gives way for a moment to a
/// claim just answered.
void PoolSet::collect_starts(Entry& pool, const PoolEffects& fx, Work& work) {
    const auto wanted = pool.core.claims();
    auto running = pool.core.starting() - fx.starts.size() - pool.put_off.size();
    const bool busy = clock_.now() - pool.last_given < kGiveWay;
    for (const auto number : fx.starts) {
        const auto executor = shards_.at(next_shard_++ % shards_.size()).executor();
        auto end = std::make_shared<Signal>(executor);
        pool.ends.emplace(number, end);
        std::shared_ptr<Signal> hurry;
        if (busy && running >= wanted) {
            hurry = std::make_shared<Signal>(executor);
            pool.put_off.emplace(number, hurry);
        } else {
            ++running;
        }
        work.starts.push_back({number, pool.runtime, executor, std::move(hurry), std::move(end)});
    }
    for (; running < wanted && !pool.put_off.empty(); ++running) {
        work.hurried.push_back(std::move(pool.put_off.begin()->second));
        pool.put_off.erase(pool.put_off.begin());
    }
}

void PoolSet::collect(const std::string& key, Entry& pool, PoolEffects& fx, Work& work) {
    work.key = key;
    work.lacking += fx.lacking;
    for (const auto& give : fx.gives) {
        const auto claim = pool.claims.find(give.claim);
        const auto record = pool.warm.find(give.instance);
        work.answers.emplace_back(claim->second, record->second);
        pool.claims.erase(claim);
        pool.warm.erase(record);
        pool.last_given = clock_.now();
    }
    for (auto& refusal : fx.refusals) {
        const auto claim = pool.claims.find(refusal.claim);
        if (claim == pool.claims.end()) continue;
        work.answers.emplace_back(claim->second, std::move(refusal.error));
        pool.claims.erase(claim);
    }
    collect_starts(pool, fx, work);
    for (const auto instance : fx.stops) {
        const auto record = pool.warm.find(instance);
        if (record == pool.warm.end()) continue;
        work.stops.push_back(record->second);
        pool.warm.erase(record);
    }
}

void PoolSet::perform(Work work) {
    for (auto& start : work.starts) {
        const auto executor = start.executor;
        tasks_.spawn(executor, "start an instance", run_start(work.key, std::move(start)));
    }
    for (auto& hurry : work.hurried) hurry->deliver(true);
    for (auto& end : work.ended) end->deliver(true);
    for (auto& [claim, answer] : work.answers) {
        const auto record = answer.has_value() ? *answer : nullptr;
        if (!claim->deliver(std::move(answer)) && record) give_back(record);
    }
    for (const auto& record : work.stops) hooks_.stop(record);
    const auto leaving = work.lacking > 0 ? table_.leaving() : 0;
    if (work.lacking > leaving) make_room(work.key, work.lacking - leaving);
}

void PoolSet::make_room(const std::string& key, std::size_t lacking) {
    for (; lacking > 0; --lacking) {
        if (!hooks_.make_room() && !evict_other(key)) break;
        metrics_.evictions.add();
    }
    if (lacking == 0) return;
    Work work;
    {
        std::lock_guard lock(mutex_);
        const auto pool = pools_.find(key);
        if (pool == pools_.end()) return;
        PoolEffects fx;
        pool->second->core.refuse_lacking(lacking, fx);
        collect(key, *pool->second, fx, work);
    }
    perform(std::move(work));
}

bool PoolSet::evict_other(const std::string& key) {
    Work work;
    {
        std::lock_guard lock(mutex_);
        for (auto& [other, pool] : pools_) {
            if (other == key || pool->core.warm() == 0) continue;
            PoolEffects fx;
            pool->core.evict(fx);
            collect(other, *pool, fx, work);
            break;
        }
    }
    if (work.stops.empty()) return false;
    perform(std::move(work));
    return true;
}

void PoolSet::give_back(const InstanceRecordPtr& record) {
    Work work;
    {
        std::lock_guard lock(mutex_);
        const auto found = pools_.find(record->pool);
        std::lock_guard record_lock(record->mutex);
        if (record->end_reason) return;
        if (found == pools_.end() || stopped_) {
            work.stops.push_back(record);
        } else {
            found->second->warm.emplace(record->instance.id, record);
            PoolEffects fx;
            found->second->core.give_back(record->instance.id, clock_.now(), budget_, fx);
            collect(record->pool, *found->second, fx, work);
        }
    }
    perform(std::move(work));
}

void PoolSet::record_gone(const InstanceRecordPtr& record) {
    if (record->released.exchange(true)) return;
    {
        std::lock_guard lock(mutex_);
        budget_.gone();
        drop_live(record->pool);
        if (const auto found = pools_.find(record->pool); found != pools_.end()) {
            // What the pool then wants is ordered by the tick below.
            PoolEffects fx;
            InstanceBudget none;
            none.max_instances = 0;
            found->second->core.died(record->instance.id, clock_.now(), none, fx);
            found->second->warm.erase(record->instance.id);
        }
    }
    tick();
}

void PoolSet::tick() {
    std::vector<Work> all;
    std::vector<std::string> retired;
    {
        std::lock_guard lock(mutex_);
        if (stopped_) return;
        const auto now = clock_.now();
        for (auto it = pools_.begin(); it != pools_.end();) {
            auto& pool = *it->second;
            PoolEffects fx;
            Work work;
            pool.core.tick(now, budget_, fx);
            collect(it->first, pool, fx, work);
            if (pool.listed && !pool.core.retired()) {
                pool.metrics->warm.set(static_cast<std::int64_t>(pool.core.warm()));
                pool.metrics->target.set(pool.core.target(now));
                pool.metrics->starting.set(static_cast<std::int64_t>(pool.core.starting()));
            }
            const bool over = (pool.core.retired() || !pool.listed) && pool.core.over(now);
            it = over ? pools_.erase(it) : std::next(it);
            all.push_back(std::move(work));
        }
        metrics_.instances.set(static_cast<std::int64_t>(budget_.used));
        retired = take_retired();
    }
    for (auto& work : all) perform(std::move(work));
    for (const auto& hash : retired) backend_.retire(hash);
}

std::vector<InstanceRecordPtr> PoolSet::shut_down() {
    std::vector<InstanceRecordPtr> records;
    std::vector<std::shared_ptr<Claim>> claims;
    {
        std::lock_guard lock(mutex_);
        stopped_ = true;
        for (auto& [key, pool] : pools_) {
            for (auto& [id, record] : pool->warm) records.push_back(record);
            for (auto& [number, claim] : pool->claims) claims.push_back(claim);
            pool->claims.clear();
        }
        pools_.clear();
    }
    for (auto& claim : claims) claim->deliver(shutting_down());
    return records;
}

std::vector<PoolStats> PoolSet::stats() const {
    std::vector<PoolStats> all;
    std::lock_guard lock(mutex_);
    const auto now = clock_.now();
    for (const auto& [name, hash] : environments_) {
        const auto found = pools_.find(hash);
        if (found == pools_.end()) continue;
        const auto& pool = *found->second;
        PoolStats stats;
        stats.ns = pool.runtime.environment.ns;
        stats.environment = pool.runtime.environment.name;
        stats.target = pool.core.target(now);
        stats.warm = static_cast<int>(pool.core.warm());
        stats.starting = static_cast<int>(pool.core.starting());
        stats.starts_per_second = pool.core.rate(now);
        if (const auto* error = pool.core.last_error()) stats.last_error = error->message;
        all.push_back(std::move(stats));
    }
    return all;
}

std::vector<InstanceRecordPtr> PoolSet::warm() const {
    std::vector<InstanceRecordPtr> records;
    std::lock_guard lock(mutex_);
    for (const auto& [key, pool] : pools_)
        for (const auto& [id, record] : pool->warm) records.push_back(record);
    return records;
}

}  // namespace hearth::executor
