#include "executor/driver.hpp"
#include "executor/resolve.hpp"

#include <boost/asio/post.hpp>

#include <set>

namespace hearth::executor {
namespace {

constexpr std::size_t kAheadCapacity = 10'000;
constexpr std::size_t kPage = 100;  // a page is decoded in one go on an event loop

}  // namespace

FunctionSlotPtr Driver::present_slot(const std::string& key) const {
    std::shared_lock lock(slots_mutex_);
    const auto it = slots_.find(key);
    return it == slots_.end() ? nullptr : it->second;
}

void Driver::ensure_resolved(const FunctionSlotPtr& slot) {
    if (slot->resolved.load(std::memory_order_acquire)) return;
    std::lock_guard lock(resolve_mutex_);
    if (!slot->resolved.load(std::memory_order_relaxed)) resolve(slot);
}

void Driver::resolve(const FunctionSlotPtr& slot) {
    slot->depends.clear();
    const auto record = catalog_.find(model::Kind::function, slot->ns, slot->name);
    if (!record)
        return apply(
            slot, std::nullopt,
            Error(Errc::not_found, "function " + slot->ns + "/" + slot->name + " does not exist"));
    std::optional<Error> unreadable;
    bool unknown = false;
    const Lookup lookup = [&](model::Kind kind, const std::string& ns,
                              const std::string& name) -> std::optional<model::Resource> {
        slot->depends.push_back(dependency(kind, ns, name));
        const auto found = catalog_.find(kind, ns, name);
        const bool setting = kind == model::Kind::secret || kind == model::Kind::config_map;
        if (!found && setting && settings_.used()) {
            const backend::SettingsRef ref{kind, ns, name};
            if (settings_.knows(ref)) return settings_.find(ref);
            unknown = true;
        }
        if (!found) return std::nullopt;
        auto loaded = found->load();
        if (loaded) return std::move(*loaded);
        unreadable = loaded.error();
        return std::nullopt;
    };
    const auto resource = record->load();
    if (!resource) return apply(slot, record->bare(), resource.error());
    auto source = resolve_function(*resource, lookup);
    if (unknown) return resolve_later(slot, *resource);
    // That the row cannot be read says more than that the object is missing.
    if (!source && unreadable) source = *unreadable;
    apply(slot, *resource, std::move(source));
}

void Driver::apply(const FunctionSlotPtr& slot, const std::optional<model::Resource>& function,
                   Result<FunctionSource> source) {
    GenerationPtr generation;
    std::optional<Error> error;
    auto info = std::make_shared<FunctionInfo>();
    if (source) {
        info->metadata = source->metadata;
        info->spec = source->spec;
        info->hash = source->hash;
        auto made = make_generation(std::move(*source));
        if (made)
            generation = std::move(*made);
        else
            error = made.error();
    } else {
        error = source.error();
        if (function) {
            info->metadata = function->metadata;
            if (auto spec = model::decode_function(*function)) info->spec = std::move(*spec);
        }
    }
    // A build that failed is the function's own fault, as code that does not load is.
    if (error && function && error->code != Errc::internal && error->code != Errc::function_failed)
        error->code = Errc::unavailable;
    if (error && error->component.empty()) error->component = "executor";
    FunctionEffects fx;
    Work work;
    std::vector<InstanceRecordPtr> dead;
    // After an error its replicas may be wanted again.
    if (generation || !function) note_workload(slot->ns + "/" + slot->name, slot, generation.get());
    {
        std::lock_guard lock(slot->mutex);
        slot->info = function ? info : nullptr;
        if (error) {
            slot->core.close(*error, fx);
            slot->generation.reset();
        } else {
            const bool same =
                slot->generation && slot->generation->source.hash == generation->source.hash;
            generation->number = same ? slot->generation->number : ++slot->next_generation;
            generation->info = info;
            slot->generation = generation;
            // Starts that the change of generation orders must come after the instance that was
            // loaded ahead.
            adopt_prepared(slot, *generation, fx, dead);
        }
        work = collect(*slot, fx);
        slot->resolved.store(true, std::memory_order_release);
    }
    perform(slot, std::move(work), shards_.first().executor());
    for (const auto& record : dead) stop_instance(record);
    if (generation && !generation->runtime.workload)
        pools_.use_environment(generation->runtime.environment.ns,
                               generation->runtime.environment.name);
}

void Driver::adopt_prepared(const FunctionSlotPtr& slot, const Generation& generation,
                            FunctionEffects& fx, std::vector<InstanceRecordPtr>& dead) {
    const auto now = clock_.now();
    std::optional<Prepared> prepared;
    {
        std::lock_guard lock(prepared_mutex_);
        if (const auto it = prepared_.find(generation.source.hash); it != prepared_.end()) {
            prepared = std::move(it->second);
            prepared_.erase(it);
        }
    }
    const auto policy = policy_of(generation, options_, stocked_);
    if (!prepared) return slot->core.configure(policy, generation.number, now, fx);
    const Loaded loaded{prepared->record, prepared->asked, prepared->claimed, prepared->loaded};
    slot->core.configure_with(policy, generation.number, loaded.record->instance.id,
                              hold(slot, generation, loaded), now, fx);
    std::lock_guard record_lock(loaded.record->mutex);
    loaded.record->slot = slot;
    if (loaded.record->end_reason) {
        slot->core.died(loaded.record->instance.id, now, fx);
        dead.push_back(loaded.record);
    }
}

void Driver::on_changes(const std::vector<catalog::Change>& changes) {
    std::lock_guard lock(resolve_mutex_);
    std::set<FunctionSlotPtr> affected;
    std::set<std::size_t> changed;
    std::vector<std::pair<std::string, std::string>> written;
    for (const auto& change : changes) {
        const auto& meta = change.record->metadata;
        if (change.record->kind != model::Kind::function) {
            changed.insert(dependency(change.record->kind, meta.ns, meta.name));
            if (change.record->kind == model::Kind::environment) environment_changed(change);
            continue;
        }
        const bool removed = change.type == catalog::Change::Type::removed;
        auto slot = present_slot(model::qualified(meta));
        if (!slot && !removed) {
            std::lock_guard prepared_lock(prepared_mutex_);
            for (const auto& [hash, prepared] : prepared_)
                if (prepared.ns == meta.ns && prepared.name == meta.name)
                    slot = std::make_shared<FunctionSlot>(meta.ns, meta.name);
        }
        if (slot) {
            std::unique_lock slots_lock(slots_mutex_);
            slot = slots_.emplace(model::qualified(meta), slot).first->second;
            affected.insert(slot);
        }
        if (!removed) written.emplace_back(meta.ns, meta.name);
    }
    if (!changed.empty())
        for (const auto& slot : all_slots())
            if (slot->resolved &&
                std::any_of(slot->depends.begin(), slot->depends.end(),
                            [&](std::size_t key) { return changed.count(key) != 0; }))
                affected.insert(slot);
    for (const auto& slot : affected) resolve(slot);
    for (auto& [ns, name] : written) look_ahead(std::move(ns), std::move(name));
}

void Driver::environment_changed(const catalog::Change& change) {
    const auto& meta = change.record->metadata;
    if (change.type == catalog::Change::Type::removed)
        return pools_.drop_environment(meta.ns, meta.name);
    const auto spec = change.record->decode(model::decode_environment);
    if (!spec) {
        log_.log(
            telemetry::Level::error, "executor", "an environment cannot be read",
            {{"environment", model::qualified(meta)}, {telemetry::kErr, spec.error().message}});
        return;
    }
    pools_.keep_environment(environment_runtime(meta, *spec), spec->poolsize);
}

void Driver::look_ahead(std::string ns, std::string name) {
    {
        std::lock_guard lock(ahead_mutex_);
        // What does not fit is unpacked by the first request instead.
        if (ahead_.size() >= kAheadCapacity) return;
        ahead_.emplace_back(std::move(ns), std::move(name));
        if (std::exchange(ahead_running_, true)) return;
    }
    tasks_.spawn(shards_.first().executor(), "look ahead", look_ahead_loop());
}

Task<void> Driver::look_ahead_loop() {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    const aio::Executor executor = co_await aio::net::this_coro::executor;
    while (true) {
        std::pair<std::string, std::string> next;
        {
            std::lock_guard lock(ahead_mutex_);
            if (ahead_.empty() || stopping_) {
                ahead_running_ = false;
                co_return;
            }
            next = std::move(ahead_.front());
            ahead_.pop_front();
        }
        co_await aio::net::post(executor, aio::use_task);  // lets requests in between
        const auto record = catalog_.find(model::Kind::function, next.first, next.second);
        if (!record) continue;
        const auto function = record->decode(model::decode_function);
        if (!function) continue;
        if (function->has_workload()) co_await resolve_ahead(next.first, next.second);
        pools_.use_environment(next.first, function->environment);
        const auto package = catalog_.find(model::Kind::package, next.first, function->package);
        if (!package) continue;
        const auto spec = package->decode(model::decode_package);
        if (!spec) continue;
        const auto digest = deployment_digest(*spec, function->package);
        if (!digest || !archives_.unpacked_now(*digest).empty()) continue;
        auto unpacked = co_await archives_.unpacked(*digest);
        if (!unpacked)
            log_.log(telemetry::Level::warn, "executor",
                     "a package could not be unpacked ahead of its use",
                     {{"package", next.first + "/" + function->package},
                      {telemetry::kErr, unpacked.error().message}});
    }
}

Task<void> Driver::find_used_environments() {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    const aio::Executor executor = co_await aio::net::this_coro::executor;
    std::set<std::string> unseen;
    catalog::ListQuery query;
    query.kind = model::Kind::environment;
    for (const auto& record : catalog_.list(query))
        unseen.insert(model::qualified(record->metadata));
    query.kind = model::Kind::function;
    query.limit = kPage;
    // Replicas of functions' own are kept without a request, so all functions are looked at.
    const bool all = backend_.outlives_daemon();
    while ((all || !unseen.empty()) && !stopping_) {
        const auto page = catalog_.list(query);
        if (page.empty()) co_return;
        query.after = model::qualified(page.back()->metadata);
        for (const auto& record : page) {
            if (unseen.empty() && !all) break;
            const auto spec = record->decode(model::decode_function);
            if (all && spec && spec->has_workload())
                co_await resolve_ahead(record->metadata.ns, record->metadata.name);
            if (!spec || unseen.erase(record->metadata.ns + "/" + spec->environment) == 0) continue;
            pools_.use_environment(record->metadata.ns, spec->environment);
            co_await aio::net::post(executor, aio::use_task);
        }
        co_await aio::net::post(executor, aio::use_task);
    }
}

}  // namespace hearth::executor
