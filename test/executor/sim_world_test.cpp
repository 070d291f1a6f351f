// The make-believe world of the simulator; simulator_test.cpp runs it.
#include "executor/sim_world.hpp"

namespace hearth::executor::sim {

World::World(std::uint64_t seed) : seed_(seed), rng_(seed) {
    budget_.max_instances = 10 + below(40);
    budget_.parallel_starts = 1 + below(8);
    adoption_.open();
    for (std::size_t i = 0; i < 2; ++i) {
        pools_.emplace_back("default/env" + std::to_string(i));
        bases_.push_back(static_cast<int>(below(4)));
        pools_.back().configure(bases_.back(), 6);
        pools_.back().use();
    }
    for (std::size_t i = 0; i < 3; ++i) {
        const auto name = "default/f" + std::to_string(i);
        fns_.push_back(Fn{name, i % 2, FunctionCore(name), {}, 1, false, false});
        auto& fn = fns_.back();
        fn.policy.requests_per_pod = static_cast<int>(1 + below(4));
        fn.policy.concurrency = static_cast<int>(1 + below(12));
        fn.policy.retain = static_cast<int>(below(2));
        fn.policy.once_only = below(6) == 0;
        fn.policy.min_instances = static_cast<int>(below(2));
        if (fn.policy.once_only) fn.policy.retain = fn.policy.min_instances = 0;
        fn.policy.retain = std::max(fn.policy.retain, fn.policy.min_instances);
        fn.policy.idle_timeout = ms(500, 20'000);
        fn.policy.queue_capacity = 5 + below(60);
        FunctionEffects fx;
        fn.core.configure(fn.policy, fn.generation, now_, fx);
        at(0ms, [this, i, fx]() mutable { settle(i, fx); });
    }
}

void World::check(bool ok, const std::string& what) {
    if (!ok) throw std::runtime_error("seed " + std::to_string(seed_) + ": " + what);
}

void World::at(std::chrono::milliseconds delay, std::function<void()> what) {
    events_.emplace(now_ + delay, std::move(what));
}

void World::step() {
    const auto first = events_.begin();
    auto what = std::move(first->second);
    now_ = std::max(now_, first->first);
    events_.erase(first);
    what();
    check_all();
}

void World::run(std::chrono::seconds busy) {
    at(0ms, [this] { arrive(); });
    at(0ms, [this] { burst(); });
    at(ms(1, 4000), [this] { change(); });
    at(0ms, [this] { tick(); });
    for (auto restarts = below(4); restarts > 0; --restarts)
        at(ms(100, 19'000), [this] { restart(); });
    const auto calm = now_ + busy;
    while (now_ < calm) step();
    arriving_ = faults_ = false;
    for (auto& fn : fns_) fn.broken = false;
    const auto rest = now_ + 5min;
    while (now_ < rest) step();
    check_rest();
}

void World::arrive() {
    if (!arriving_) return;
    send(below(fns_.size()));
    at(ms(0, 60), [this] { arrive(); });
}

void World::send(std::size_t fn) {
    const auto id = ++next_request_;
    auto& request = requests_[id];
    request.fn = fn;
    request.deadline = now_ + ms(1, 3000);
    auto& target = fns_[fn];
    FunctionEffects fx;
    if (auto* place = target.core.try_acquire(now_)) {
        run_request(id, fn, place->id);
    } else {
        const auto waiting = target.core.waiting();
        const auto refused = target.core.enqueue(id, request.deadline, now_, fx);
        if (refused) {
            check(refused->code != Errc::exhausted || waiting >= target.policy.queue_capacity,
                  "refused as full with room in the queue");
            request.ended = true;
        }
        settle(fn, fx);
        if (!request.ended && !request.running && chance(0.05))
            at(ms(0, 1000), [this, id, fn] {
                auto it = requests_.find(id);
                if (it == requests_.end()) return;
                if (it->second.running || it->second.ended) return;
                check(fns_[fn].core.cancel(id), "a waiting request could not be cancelled");
                it->second.ended = true;
            });
    }
}

void World::burst() {
    if (!arriving_) return;
    const auto fn = below(fns_.size());
    for (auto left = below(40); left > 0; --left) at(0ms, [this, fn] { send(fn); });
    at(ms(2000, 9000), [this] { burst(); });
}

void World::change() {
    if (!arriving_) return;
    auto& fn = fns_[below(fns_.size())];
    const auto index = static_cast<std::size_t>(&fn - fns_.data());
    FunctionEffects fx;
    switch (below(5)) {
        case 0:
            fn.deleted = true;
            fn.core.close(Error(Errc::not_found, "deleted"), fx);
            break;
        case 1:
            fn.broken = chance(0.5);
            break;
        case 2:
            fn.policy.requests_per_pod = static_cast<int>(1 + below(4));
            fn.deleted = false;
            fn.core.configure(fn.policy, fn.generation, now_, fx);
            break;
        case 3:
            change_environment();
            break;
        default:
            fn.deleted = false;
            fn.core.configure(fn.policy, ++fn.generation, now_, fx);
            break;
    }
    settle(index, fx);
    at(ms(100, 4000), [this] { change(); });
}

void World::change_environment() {
    const auto pool = below(pools_.size());
    bases_[pool] = static_cast<int>(below(4));
    pools_[pool].configure(bases_[pool], 6);
}

void World::tick() {
    for (std::size_t i = 0; i < fns_.size(); ++i) {
        FunctionEffects fx;
        fns_[i].core.tick(now_, fx);
        settle(i, fx);
    }
    pump_pools();
    forget_old();
    at(kTick, [this] { tick(); });
}

void World::settle(std::size_t index, FunctionEffects& fx) {
    auto& fn = fns_[index];
    for (const auto& grant : fx.grants) run_request(grant.waiter, index, grant.id);
    for (const auto& refusal : fx.refusals) {
        auto& request = requests_.at(refusal.waiter);
        check(!request.running && !request.ended, "a request was answered twice");
        check(!refusal.error.message.empty(), "a refusal without a reason");
        request.ended = true;
    }
    for (const auto& stop : fx.stops) stop_instance(stop.id);
    // What one event orders is at most what those who wait now can use.
    const auto per_instance =
        static_cast<std::size_t>(fn.policy.once_only ? 1 : fn.policy.requests_per_pod);
    const auto asked = (fn.core.waiting() + per_instance - 1) / per_instance;
    const auto usable =
        std::max(asked, static_cast<std::size_t>(std::max(0, fn.policy.min_instances)));
    const auto of_no_use = fn.core.superseded();
    check(fx.starts.empty() || starting(index) + fx.starts.size() <= usable + of_no_use,
          "more starts than those who wait can use");
    for (const auto& start : fx.starts) {
        check(start.generation == fn.generation, "a start of a past generation was ordered");
        const auto claim = ++next_claim_;
        const auto limit = now_ + ms(100, 10'000);
        claims_[claim] = Claim{index, start.ticket, start.generation, limit};
        PoolEffects pool_fx;
        pools_[fn.pool].claim(claim, limit, now_, budget_, pool_fx);
        settle(fn.pool, pool_fx);
    }
    fx = {};
}

void World::settle(std::size_t pool, PoolEffects& fx) {
    PoolEffects done;
    std::swap(done, fx);
    for (const auto start : done.starts) begin_start(pool, start);
    for (const auto instance : done.stops) stop_instance(instance);
    for (const auto& give : done.gives) begin_load(give.claim, give.instance);
    for (const auto& refusal : done.refusals) {
        const auto claim = claims_.at(refusal.claim);
        claims_.erase(refusal.claim);
        FunctionEffects fn_fx;
        fns_[claim.fn].core.start_failed(claim.ticket, refusal.error, now_, fn_fx);
        settle(claim.fn, fn_fx);
    }
    if (done.lacking > stopping_) make_room(pool, done.lacking - stopping_);
}

std::size_t World::starting(std::size_t index) const {
    const auto generation = fns_[index].generation;
    const auto claimed = std::count_if(claims_.begin(), claims_.end(), [&](const auto& entry) {
        return entry.second.fn == index && entry.second.generation == generation;
    });
    const auto loading =
        std::count_if(instances_.begin(), instances_.end(), [&](const auto& entry) {
            return entry.second.fn == index && entry.second.generation == generation &&
                   entry.second.load_pending;
        });
    return static_cast<std::size_t>(claimed + loading);
}

void World::pump_pools() {
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        PoolEffects fx;
        pools_[i].tick(now_, budget_, fx);
        settle(i, fx);
    }
}

void World::make_room(std::size_t pool, std::size_t lacking) {
    for (; lacking > 0; --lacking) {
        Fn* oldest = nullptr;
        for (auto& fn : fns_)
            if (fn.core.oldest_idle() &&
                (oldest == nullptr || *fn.core.oldest_idle() < *oldest->core.oldest_idle()))
                oldest = &fn;
        if (oldest != nullptr) {
            FunctionEffects fx;
            check(oldest->core.evict_idle(fx), "the idle instance could not be evicted");
            settle(static_cast<std::size_t>(oldest - fns_.data()), fx);
            continue;
        }
        PoolEffects fx;
        if (pools_[1 - pool].evict(fx)) {
            settle(1 - pool, fx);
            continue;
        }
        break;
    }
    if (lacking > 0) {
        PoolEffects fx;
        pools_[pool].refuse_lacking(lacking, fx);
        settle(pool, fx);
    }
}

void World::begin_start(std::size_t pool, std::uint64_t start) {
    ++starts_;
    check(!budget_.held, "something was started before it was known what is there");
    check(budget_.used <= budget_.max_instances, "more instances than the limit");
    check(budget_.starting <= budget_.parallel_starts, "more starts at once than allowed");
    at(ms(1, 400), [this, pool, start, epoch = epoch_] {
        const bool fails = chance(0.15);
        if (epoch != epoch_) {
            // Ordered by a daemon that is no more: this one finds it.
            if (fails) return;
            const auto id = ++next_instance_;
            instances_[id].pool = pool;
            instances_[id].counted = false;
            ++late_;
            return appear(id);
        }
        const auto tell = [this, pool, start, fails] {
            PoolEffects fx;
            if (fails) {
                pools_[pool].start_failed(start, Error(Errc::unavailable, "it died"), now_, budget_,
                                          fx);
            } else {
                const auto id = ++next_instance_;
                instances_[id].pool = pool;
                pools_[pool].started(start, id, now_, budget_, fx);
                if (chance(0.1)) at(ms(1, 5000), [this, id] { crash(id); });
            }
            settle(pool, fx);
            pump_pools();
        };
        tell();
        if (fails && chance(0.3))
            at(ms(0, 50), [this, tell, epoch] {  // told twice
                if (epoch == epoch_) tell();
            });
    });
}

void World::begin_load(std::uint64_t claim_id, std::uint64_t id) {
    check(claims_.count(claim_id) == 1, "a claim was answered twice");
    const auto claim = claims_.at(claim_id);
    claims_.erase(claim_id);
    auto& instance = instances_.at(id);
    check(instance.state == Instance::State::generic, "an instance was given that is not generic");
    // As the driver does.
    if (fns_[claim.fn].core.superseded() > 0 && fns_[claim.fn].core.withdraw(claim.ticket)) {
        PoolEffects fx;
        pools_[instance.pool].give_back(id, now_, budget_, fx);
        return settle(instance.pool, fx);
    }
    instance.state = Instance::State::loading;
    instance.load_pending = true;
    instance.fn = claim.fn;
    instance.ticket = claim.ticket;
    instance.generation = claim.generation;
    const bool failed = fns_[claim.fn].broken || chance(0.05);
    at(ms(1, 60), [this, id, failed, epoch = epoch_] {
        if (epoch == epoch_) return end_load(id, failed);
        auto& orphan = instances_.at(id);
        orphan.load_pending = false;
        if (orphan.state != Instance::State::loading) return;
        if (failed) {
            orphan.state = Instance::State::dead;
            return gone(id);
        }
        orphan.state = Instance::State::loaded;
        appear(id);
    });
}

void World::end_load(std::uint64_t id, bool failed) {
    auto& instance = instances_.at(id);
    auto& core = fns_[instance.fn].core;
    instance.load_pending = false;
    FunctionEffects fx;
    if (instance.state == Instance::State::dead || failed) {
        const bool died = instance.state == Instance::State::dead;
        if (!died) stop_instance(id);
        const Error error(died ? Errc::unavailable : Errc::function_failed,
                          died ? "it died" : "SyntaxError");
        core.start_failed(instance.ticket, error, now_, fx);
        if (chance(0.2)) core.start_failed(instance.ticket, error, now_, fx);
        return settle(instance.fn, fx);
    }
    instance.state = Instance::State::loaded;
    core.loaded(instance.ticket, id, nullptr, now_, fx);
    settle(instance.fn, fx);
    if (instance.state == Instance::State::loaded && chance(0.2)) {
        core.loaded(instance.ticket, id, nullptr, now_, fx);
        settle(instance.fn, fx);
    }
    if (chance(0.1)) at(ms(0, 3000), [this, id] { crash(id); });
}

void World::stop_instance(std::uint64_t id) {
    auto& instance = instances_.at(id);
    if (instance.state == Instance::State::dead) return;
    check(instance.state != Instance::State::stopping, "an instance was stopped twice");
    check(leases_.count(id) == 0, "an instance was stopped under a lease");
    instance.state = Instance::State::stopping;
    ++stopping_;
    at(ms(1, 300), [this, id] {
        --stopping_;
        gone(id);
    });
}

void World::crash(std::uint64_t id) {
    auto& instance = instances_.at(id);
    if (instance.state == Instance::State::stopping || instance.state == Instance::State::dead)
        return;
    const auto before = instance.state;
    instance.state = Instance::State::dead;
    adoption_.ended(id);
    for (int times = chance(0.3) ? 2 : 1; times > 0; --times) {
        if (before == Instance::State::generic) {
            PoolEffects fx;
            pools_[instance.pool].died(id, now_, budget_, fx);
            settle(instance.pool, fx);
        }
        FunctionEffects fx;
        fns_[instance.fn].core.died(id, now_, fx);
        settle(instance.fn, fx);
    }
    gone(id);
}

void World::gone(std::uint64_t id) {
    auto& instance = instances_.at(id);
    instance.state = Instance::State::dead;
    adoption_.ended(id);
    if (!std::exchange(instance.released, true) && instance.counted) budget_.gone();
    if (!instance.forget_at) instance.forget_at = now_ + 10s;
    pump_pools();
}

void World::run_request(std::uint64_t id, std::size_t fn, std::uint64_t instance) {
    auto& request = requests_.at(id);
    check(!request.running && !request.ended, "a request was granted twice");
    check(request.deadline > now_, "a request was granted past its deadline");
    const auto& on = instances_.at(instance);
    check(on.state == Instance::State::loaded,
          "a lease on an instance that is not loaded or is dead");
    check(on.fn == fn, "a lease on another function's instance");
    check(on.generation == fns_[fn].generation, "a lease on an instance of a past generation");
    check(!fns_[fn].deleted, "a lease of a deleted function");
    request.running = true;
    ++leases_[instance];
    request.instance = instance;
    ++served_;
    // A few work for longer than an idle instance is kept.
    at(below(50) == 0 ? ms(500, 25'000) : ms(0, 300), [this, id, epoch = epoch_] {
        if (epoch == epoch_) end_request(id);
    });
}

void World::end_request(std::uint64_t id) {
    auto& request = requests_.at(id);
    request.running = false;
    if (--leases_[request.instance] == 0) leases_.erase(request.instance);
    request.ended = true;
    FunctionEffects fx;
    const bool broke =
        instances_.at(request.instance).state == Instance::State::dead || chance(0.02);
    fns_[request.fn].core.release(
        request.instance, broke ? LeaseOutcome::instance_failed : LeaseOutcome::ok, now_, fx);
    settle(request.fn, fx);
}

void World::check_function(const Fn& fn) {
    const auto places = fn.core.places();
    const int capacity = fn.policy.once_only ? 1 : fn.policy.requests_per_pod;
    std::size_t present = 0;
    for (const auto& place : places) {
        const auto& instance = instances_.at(place.id);
        check(instance.state == Instance::State::loaded,
              "the core holds an instance that is not there");
        const auto leases = leases_.find(place.id);
        const int running = leases == leases_.end() ? 0 : leases->second;
        check(running == place.in_flight, "in_flight differs from the leases held");
        const bool free = place.state == Place::State::ready;
        check(!free || place.in_flight < capacity, "a full instance is offered");
        check(!free || fn.core.waiting() == 0, "somebody waits while a place is free");
        if (place.generation == fn.generation) ++present;
    }
    check(present <= static_cast<std::size_t>(fn.policy.concurrency),
          "more instances than concurrency");
}

void World::check_all() {
    for (const auto& fn : fns_) check_function(fn);
    std::size_t alive = 0;
    for (const auto& [id, instance] : instances_)
        if (!instance.released && instance.counted) ++alive;
    std::size_t starting = 0;
    for (const auto& pool : pools_) starting += pool.starting();
    check(budget_.used == alive + starting, "the budget lost count of the instances");
    // What the daemon before had ordered may come on top.
    check(budget_.used <= budget_.max_instances + late_, "more instances than the limit");
    check(budget_.starting == starting, "the budget lost count of the starts");
    for (const auto& [id, request] : requests_)
        check(request.ended || request.running || now_ <= request.deadline + kTick + 1ms,
              "a request waits past its deadline");
    for (const auto& [number, claim] : claims_)
        check(now_ <= claim.limit + kTick + 1ms, "a claim waits past its limit");
}

void World::forget_old() {
    std::erase_if(requests_, [this](const auto& entry) {
        return entry.second.ended && now_ > entry.second.deadline + 1500ms;
    });
    std::erase_if(instances_, [this](const auto& entry) {
        return entry.second.released && entry.second.forget_at && leases_.count(entry.first) == 0 &&
               now_ > *entry.second.forget_at;
    });
}

void World::check_rest() {
    for (const auto& [id, request] : requests_) check(request.ended, "a request never ended");
    std::size_t alive = 0, expected = 0;
    for (const auto& [id, instance] : instances_)
        if (!instance.released) ++alive;
    for (const auto& fn : fns_) {
        check(fn.core.waiting() == 0, "a waiter is left");
        check(fn.core.starting() == 0, "a start is left");
        check(fn.core.instances() <= static_cast<std::size_t>(fn.policy.retain),
              "idle instances were not reaped");
        check(
            fn.deleted || fn.core.instances() >= static_cast<std::size_t>(fn.policy.min_instances),
            "the minimum of instances was not restored");
        expected += fn.core.instances();
    }
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        check(pools_[i].claims() == 0, "a claim is left");
        const auto target = static_cast<std::size_t>(pools_[i].target(now_));
        check(target == static_cast<std::size_t>(bases_[i]),
              "the target did not come back to the poolsize: " + std::to_string(target) + " of " +
                  std::to_string(bases_[i]) + ", " + std::to_string(pools_[i].warm()) + " warm, " +
                  std::to_string(budget_.used) + " in all, claims per second " +
                  std::to_string(pools_[i].rate(now_)));
        check(pools_[i].warm() == target, "the warm target was not restored");
        expected += pools_[i].warm();
    }
    check(claims_.empty(), "a claim was lost");
    check(alive == expected, "an instance leaked");
}

}  // namespace hearth::executor::sim
