// The make-believe world of the simulator: the daemon restarts, and what was there is found.
#include "executor/sim_world.hpp"

namespace hearth::executor::sim {

void World::restart() {
    if (!arriving_) return;
    ++epoch_;
    adoption_ = Adoption();
    budget_.used = budget_.starting = 0;
    budget_.held = true;
    late_ = 0;
    claims_.clear();
    leases_.clear();
    for (auto& [id, request] : requests_) {
        request.running = false;
        request.ended = true;
    }
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        pools_[i] = PoolCore("default/env" + std::to_string(i));
        pools_[i].configure(bases_[i], 6);
        pools_[i].use();
    }
    for (auto& [id, instance] : instances_) instance.counted = instance.load_pending = false;
    for (std::size_t i = 0; i < fns_.size(); ++i) {
        auto& fn = fns_[i];
        fn.core = FunctionCore(fn.name);
        FunctionEffects fx;
        if (fn.deleted)
            fn.core.close(Error(Errc::not_found, "deleted"), fx);
        else
            fn.core.configure(fn.policy, fn.generation, now_, fx);
        settle(i, fx);
    }
    for (const auto& [id, instance] : instances_) {
        const bool there =
            instance.state == Instance::State::generic || instance.state == Instance::State::loaded;
        if (!there) continue;
        at(chance(0.1) ? ms(500, 3000) : ms(0, 90), [this, id = id] { appear(id); });
        if (chance(0.1)) at(ms(0, 1000), [this, id = id] { crash(id); });
    }
    // What comes after the stock is taken is late as well.
    late_ += instances_.size();
    at(ms(100, 800), [this, epoch = epoch_] {
        if (epoch == epoch_) take_stock();
    });
}

void World::take_stock() {
    for (const auto& each : adoption_.open()) decide(each.instance.id);
    budget_.held = false;
    pump_pools();
}

/// The backend tells of it, now and then twice.
void World::appear(std::uint64_t id) {
    found(id);
    if (chance(0.3)) at(ms(0, 500), [this, id] { found(id); });
}

void World::found(std::uint64_t id) {
    const auto it = instances_.find(id);
    if (it == instances_.end() || it->second.counted || it->second.released) return;
    backend::FoundInstance found;
    found.instance.id = id;
    for (const auto& each : adoption_.found(std::move(found))) decide(each.instance.id);
}

/// As the driver does: a generic one goes to its pool, a loaded one to its function.
void World::decide(std::uint64_t id) {
    auto& instance = instances_.at(id);
    if (instance.released || instance.state == Instance::State::dead ||
        instance.state == Instance::State::stopping)
        return;
    check(!instance.counted, "an instance was adopted twice");
    instance.counted = true;
    ++budget_.used;
    ++adopted_;
    if (instance.state == Instance::State::generic) {
        PoolEffects fx;
        pools_[instance.pool].adopt(id, now_, budget_, fx);
        return settle(instance.pool, fx);
    }
    auto& fn = fns_[instance.fn];
    FunctionEffects fx;
    const bool wanted =
        !fn.deleted && instance.generation == fn.generation && fn.core.adopt(id, nullptr, now_, fx);
    settle(instance.fn, fx);
    if (!wanted) stop_instance(id);
}

}  // namespace hearth::executor::sim
