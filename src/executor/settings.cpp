#include "executor/driver.hpp"
#include "executor/resolve.hpp"

#include <algorithm>
#include <set>

namespace hearth::executor {
namespace {

constexpr std::chrono::seconds kAsk{10};
constexpr std::chrono::milliseconds kPause{500};
constexpr int kTries = 5;

}  // namespace

/// Has what resolving the function needs of the cluster at hand.
Task<Result<void>> Driver::ready_settings(FunctionSlotPtr slot, Deadline deadline) {
    if (!settings_.used() || slot->resolved) co_return Result<void>();
    const auto record = catalog_.find(model::Kind::function, slot->ns, slot->name);
    if (!record) co_return Result<void>();
    const auto function = record->load();
    if (!function) co_return Result<void>();
    auto refs = settings_of(*function);
    std::erase_if(refs, [this](const auto& ref) {
        return catalog_.find(ref.kind, ref.ns, ref.name) != nullptr;
    });
    auto done = co_await settings_.ready(std::move(refs), deadline);
    co_return done;
}

Task<Result<void>> Driver::resolved_with_settings(FunctionSlotPtr slot, Deadline deadline) {
    // A write in between may name another setting; nobody writes that often.
    for (int tries = 0; tries < kTries; ++tries) {
        auto known = co_await ready_settings(slot, deadline);
        if (known.has_error()) co_return known.error();
        ensure_resolved(slot);
        if (slot->resolved) co_return Result<void>();
    }
    co_return Error(Errc::unavailable,
                    "function " + slot->ns + "/" + slot->name + " is being changed; try again", {},
                    "executor");
}

/// Called under the resolve lock when the function names what nobody asked the cluster for yet.
void Driver::resolve_later(const FunctionSlotPtr& slot, const model::Resource& function) {
    auto info = std::make_shared<FunctionInfo>();
    info->metadata = function.metadata;
    if (auto spec = model::decode_function(function)) info->spec = std::move(*spec);
    {
        std::lock_guard lock(slot->mutex);
        // What serves goes on until it is known what comes after it.
        if (!slot->info) slot->info = std::move(info);
        slot->resolved.store(false, std::memory_order_release);
    }
    if (!resolving_.insert(slot).second) return;
    tasks_.spawn(shards_.first().executor(), "ask for a function's settings", resolve_task(slot));
}

Task<void> Driver::resolve_task(FunctionSlotPtr slot) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    while (!stopping_) {
        const auto limit = Deadline::after(kAsk);
        const auto known = co_await ready_settings(slot, limit);
        if (known.has_value()) break;
        const auto pause = Deadline::after(kPause);
        co_await aio::sleep_until(pause);
    }
    {
        std::lock_guard lock(resolve_mutex_);
        resolving_.erase(slot);
    }
    if (!stopping_) ensure_resolved(slot);
}

/// The function as soon as what it names is there, so that its minimum of instances is started.
Task<void> Driver::resolve_ahead(std::string ns, std::string name) {
    const auto slot = find(ns, name);
    if (!slot || slot->resolved) co_return;
    const auto limit = Deadline::after(kAsk);
    const auto known = co_await ready_settings(slot, limit);
    // Without them this asks again later.
    (void)known;
    ensure_resolved(slot);
}

void Driver::on_settings(const std::vector<backend::SettingsRef>& refs) {
    tasks_.spawn(shards_.first().executor(), "follow the cluster's settings",
                 follow_settings(refs));
}

Task<void> Driver::follow_settings(std::vector<backend::SettingsRef> refs) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    std::lock_guard lock(resolve_mutex_);
    std::set<std::size_t> changed;
    for (const auto& ref : refs)
        // One of the catalog's own goes before it.
        if (!catalog_.find(ref.kind, ref.ns, ref.name))
            changed.insert(dependency(ref.kind, ref.ns, ref.name));
    for (const auto& slot : all_slots())
        if (slot->resolved && std::any_of(slot->depends.begin(), slot->depends.end(),
                                          [&](auto key) { return changed.count(key) != 0; }))
            resolve(slot);
}

Task<Result<FunctionSource>> Driver::resolve_planned(model::Resource function, Lookup planned,
                                                     Deadline deadline) {
    if (settings_.used()) {
        auto refs = settings_of(function);
        std::erase_if(
            refs, [&](const auto& ref) { return planned(ref.kind, ref.ns, ref.name).has_value(); });
        auto known = co_await settings_.ready(std::move(refs), deadline);
        if (known.has_error()) co_return known.error();
    }
    const Lookup lookup = [this, &planned](model::Kind kind, const std::string& ns,
                                           const std::string& name) {
        auto found = planned(kind, ns, name);
        const bool setting = kind == model::Kind::secret || kind == model::Kind::config_map;
        if (!found && setting) found = settings_.find(backend::SettingsRef{kind, ns, name});
        return found;
    };
    co_return resolve_function(function, lookup);
}

}  // namespace hearth::executor
