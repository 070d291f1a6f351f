#include "executor/driver.hpp"

namespace hearth::executor {
namespace {

std::int64_t ms_between(TimePoint from, TimePoint to) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
}

}  // namespace

std::vector<InstanceStats> Driver::instances() const {
    const auto now = clock_.now();
    std::unordered_map<std::uint64_t, std::pair<FunctionSlotPtr, Place>> places;
    std::unordered_map<std::uint64_t, std::int64_t> generations;
    for (const auto& slot : all_slots()) {
        std::lock_guard lock(slot->mutex);
        for (auto& place : slot->core.places()) {
            generations[place.id] = place.held ? place.held->function->metadata.generation : 0;
            places.emplace(place.id, std::pair(slot, std::move(place)));
        }
    }
    std::unordered_map<std::uint64_t, bool> warm;
    for (const auto& record : pools_.warm()) warm[record->instance.id] = true;
    std::vector<InstanceStats> all;
    for (const auto& record : table_.all()) {
        InstanceStats stats;
        const auto& instance = record->instance;
        stats.name = instance.name;
        stats.ns = record->ns;
        stats.environment = record->environment;
        stats.pid = instance.pid;
        stats.endpoint = instance.endpoint.to_string();
        stats.isolation = instance.isolation;
        stats.age_ms = ms_between(record->started, now);
        stats.idle_ms = stats.age_ms;
        stats.state = record->stopping               ? "draining"
                      : warm.count(instance.id) != 0 ? "warm"
                                                     : "loading";
        if (const auto it = places.find(instance.id); it != places.end()) {
            const auto& [slot, place] = it->second;
            stats.function = slot->name;
            stats.ns = slot->ns;
            stats.generation = generations[instance.id];
            stats.in_flight = place.in_flight;
            stats.served = place.served;
            stats.idle_ms = place.in_flight > 0 ? 0 : ms_between(place.last_used, now);
            stats.state = place.state == Place::State::leaving ? "draining" : "ready";
        }
        if (const auto usage = backend_.usage(instance.id)) stats.rss_bytes = usage->rss_bytes;
        all.push_back(std::move(stats));
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return std::tie(a.ns, a.environment, a.function, a.name) <
               std::tie(b.ns, b.environment, b.function, b.name);
    });
    return all;
}

}  // namespace hearth::executor
