#include "build/build_driver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "hearth/model/specs.hpp"

namespace hearth::build {
namespace {

namespace fs = std::filesystem;
using model::BuildStatus;
using model::Kind;

constexpr std::size_t kShownLog = 8 * 1024;

}  // namespace

BuildDriver::BuildDriver(BuildOptions options, catalog::Catalog& catalog,
                         artifact::ArchiveStore& archives, backend::Builder* builder,
                         aio::Shards& shards, aio::BlockingPool& pool, const base::Clock& clock,
                         telemetry::Logger& log, telemetry::Registry& metrics)
    : options_(std::move(options)),
      catalog_(catalog),
      archives_(archives),
      builder_(builder),
      shards_(shards),
      pool_(pool),
      clock_(clock),
      log_(log),
      succeeded_(metrics.counter("hearth_builds_total", "Builds of source packages that ended",
                                 {{"result", "succeeded"}})),
      failed_(metrics.counter("hearth_builds_total", "Builds of source packages that ended",
                              {{"result", "failed"}})),
      seconds_(metrics.histogram("hearth_build_seconds", "From the start of a build to its end")),
      queue_(std::max<std::size_t>(options_.concurrency, 1)),
      tasks_(log) {}

BuildDriver::~BuildDriver() {
    stop(Deadline::after(std::chrono::seconds(10)));
}

void BuildDriver::start() {
    if (builder_ == nullptr) return;
    subscription_ = catalog_.subscribe(
        [this](const std::vector<catalog::Change>& changes) { on_changes(changes); });
    catalog::ListQuery query;
    query.kind = Kind::package;
    std::vector<catalog::RecordPtr> records;
    for (auto& record : catalog_.list(query)) {
        // The text is searched, because reading ten thousand specs would delay the start.
        if (record->spec_text.find("\"source\"") != std::string::npos)
            records.push_back(std::move(record));
    }
    // What was running comes first, the rest in the order in which it was written.
    const auto rank = [](const catalog::RecordPtr& record) {
        const auto build = model::package_build(record->metadata);
        const bool begun = build && build->status == BuildStatus::running;
        return std::pair(begun ? 0 : 1, record->metadata.revision);
    };
    std::stable_sort(records.begin(), records.end(),
                     [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
    std::vector<PackageKey> keys;
    for (const auto& record : records) keys.push_back({record->metadata.ns, record->metadata.name});
    look_later(std::move(keys));
}

void BuildDriver::on_changes(const std::vector<catalog::Change>& changes) {
    std::vector<PackageKey> keys;
    for (const auto& change : changes) {
        const auto& record = *change.record;
        if (record.kind == Kind::package) {
            keys.push_back({record.metadata.ns, record.metadata.name});
        } else if (record.kind == Kind::environment &&
                   change.type == catalog::Change::Type::removed) {
            auto forget = [builder = builder_, uid = record.metadata.uid] { builder->forget(uid); };
            if (pool_.submit(std::move(forget)).has_error()) continue;  // the next one's disk space
        }
    }
    if (!keys.empty()) look_later(std::move(keys));
}

void BuildDriver::look_later(std::vector<PackageKey> keys) {
    {
        std::lock_guard lock(mutex_);
        to_look_at_.insert(to_look_at_.end(), std::make_move_iterator(keys.begin()),
                           std::make_move_iterator(keys.end()));
        if (looking_ || closed_) return;
        looking_ = true;
    }
    tasks_.spawn(shards_.first().executor(), "builds", look());
}

Task<void> BuildDriver::look() {
    std::vector<PackageKey> keys;
    {
        std::lock_guard lock(mutex_);
        keys.swap(to_look_at_);
        looking_ = false;
    }
    for (const auto& key : keys) look_at(key);
    co_return;
}

/// On the first shard, so that what was read last is told last.
void BuildDriver::look_at(const PackageKey& key) {
    const Observation seen = observe(key);
    BuildQueue::Effects effects;
    {
        std::lock_guard lock(mutex_);
        if (closed_) return;
        queue_.observe(key, seen, effects);
        if (!queue_.waits(key) && !queue_.runs(key)) logs_.erase(key);
    }
    perform(std::move(effects));
    if (seen.state != Observation::State::gone) return;
    auto remove = [file = log_file(key)] {
        std::error_code ignored;
        fs::remove(file, ignored);
    };
    if (pool_.submit(std::move(remove)).has_error()) return;  // a small file stays
}

Observation BuildDriver::observe(const PackageKey& key) const {
    using State = Observation::State;
    Observation seen;
    const auto record = catalog_.find(Kind::package, key.ns, key.name);
    if (!record) return seen;
    seen.state = State::settled;
    const auto package = record->load();
    if (!package) return seen;
    const auto status = model::build_status(*package);
    seen.input = model::build_input(*package);
    if (status == BuildStatus::pending) seen.state = State::pending;
    if (status == BuildStatus::running) {
        seen.state = State::running;
        seen.attempts = model::package_build(package->metadata)->attempts;
    }
    return seen;
}

void BuildDriver::perform(BuildQueue::Effects effects) {
    using Type = BuildQueue::Effect::Type;
    for (auto& effect : effects) {
        if (effect.type == Type::start) {
            auto made = std::make_shared<Run>();
            made->key = effect.key;
            made->id = effect.run;
            made->input = effect.input;
            made->attempts = effect.attempts;
            made->log = log_of(effect.key);
            made->began = clock_.now();
            {
                std::lock_guard lock(mutex_);
                runs_[made->id] = made;
            }
            tasks_.spawn(shards_.first().executor(), "build", run(made));
        } else if (effect.type == Type::stop) {
            RunPtr found;
            {
                std::lock_guard lock(mutex_);
                const auto at = runs_.find(effect.run);
                if (at == runs_.end()) continue;
                found = at->second;
                found->why = effect.why;
            }
            found->stop.request_stop();
        } else {
            tasks_.spawn(shards_.first().executor(), "build", conclude_unstarted(effect));
        }
    }
}

std::shared_ptr<BuildLog> BuildDriver::log_of(const PackageKey& key) {
    std::lock_guard lock(mutex_);
    auto& log = logs_[key];
    if (!log) log = std::make_shared<BuildLog>(log_file(key), options_.log_bytes);
    return log;
}

fs::path BuildDriver::log_file(const PackageKey& key) const {
    return options_.log_folder / key.ns / (key.name + ".log");
}

bool BuildDriver::is_stale(const PackageKey& key, const model::PackageBuild& build) const {
    const auto environment = catalog_.find(Kind::environment, key.ns, build.input.environment);
    if (!environment || build.builder.empty()) return false;
    const auto spec = environment->decode(model::decode_environment);
    return spec && model::builder_hash(spec->builder) != build.builder;
}

BuildView BuildDriver::view_of(const PackageKey& key, const model::Resource& package) const {
    BuildView view;
    const auto input = model::build_input(package);
    view.ns = key.ns;
    view.package = key.name;
    view.environment = input.environment;
    view.source_digest = input.source;
    view.deployment_digest = model::stored_digest(package.spec, "deployment");
    view.status = model::build_status(package);
    const auto build = model::package_build(package.metadata);
    if (build && build->input == input && view.status != BuildStatus::pending) {
        view.started_at = build->started_at;
        view.finished_at = build->finished_at;
        view.reason = build->error;
        view.log = build->log;
        view.stale = view.status == BuildStatus::succeeded && is_stale(key, *build);
        if (view.stale)
            view.reason =
                "the environment's builder has changed since; `hearth package rebuild` "
                "builds with the new one";
    }
    if (view.status != BuildStatus::pending && view.status != BuildStatus::running) return view;
    std::lock_guard lock(mutex_);
    if (queue_.waits(key)) view.reason = queue_.reason(key);
    const auto log = logs_.find(key);
    if (queue_.runs(key) && log != logs_.end()) view.log = log->second->tail(kShownLog);
    if (builder_ == nullptr) view.reason = "waiting: this daemon's backend builds no packages";
    return view;
}

Result<BuildView> BuildDriver::state(const std::string& ns, const std::string& package) const {
    const auto record = catalog_.find(Kind::package, ns, package);
    if (!record) return Error(Errc::not_found, "there is no Package " + ns + "/" + package);
    const auto loaded = record->load();
    if (!loaded) return loaded.error();
    return view_of({ns, package}, *loaded);
}

std::vector<BuildView> BuildDriver::queue() const {
    std::vector<PackageKey> keys;
    {
        std::lock_guard lock(mutex_);
        keys = queue_.order();
    }
    std::vector<BuildView> views;
    for (const auto& key : keys) {
        if (auto view = state(key.ns, key.name)) views.push_back(std::move(*view));
    }
    return views;
}

Task<Result<BuildView>> BuildDriver::rebuild(std::string ns, std::string package) {
    const PackageKey key{ns, package};
    const auto present = state(ns, package);
    if (!present) co_return present.error();
    if (present->source_digest.empty()) {
        co_return Error(Errc::invalid_argument,
                        "the Package " + to_string(key) + " has no source archive to build from",
                        {}, "build");
    }
    bool under_way = false;
    {
        std::lock_guard lock(mutex_);
        under_way = queue_.waits(key) || queue_.runs(key);
    }
    if (!under_way) {
        Edit edit = [](model::Resource& resource, model::PackageBuild& build) {
            build.status = BuildStatus::pending;
            build.input = model::build_input(resource);
            build.attempts = 0;
            build.error.clear();
            build.log.clear();
        };
        const auto written = co_await change(key, std::nullopt, std::move(edit));
        if (!written) co_return written.error();
    }
    co_return state(ns, package);
}

Task<Result<BuildView>> BuildDriver::cancel(std::string ns, std::string package) {
    const auto present = state(ns, package);
    if (!present) co_return present.error();
    BuildQueue::Effects effects;
    bool found = false;
    {
        std::lock_guard lock(mutex_);
        found = queue_.cancel({ns, package}, effects);
    }
    if (!found) {
        co_return Error(Errc::conflict,
                        "no build of the Package " + ns + "/" + package + " waits or runs", {},
                        "build");
    }
    perform(std::move(effects));
    co_return present;
}

std::shared_ptr<LiveLog> BuildDriver::live_log(const std::string& ns, const std::string& package) {
    const PackageKey key{ns, package};
    {
        std::lock_guard lock(mutex_);
        if (closed_ || (!queue_.waits(key) && !queue_.runs(key))) return nullptr;
    }
    return log_of(key);
}

Task<Result<std::string>> BuildDriver::kept_log(std::string ns, std::string package) {
    if (!catalog_.find(Kind::package, ns, package))
        co_return Error(Errc::not_found, "there is no Package " + ns + "/" + package);
    auto work = [file = log_file({ns, package}),
                 name = ns + "/" + package]() -> Result<std::string> {
        std::ifstream stream(file, std::ios::binary);
        if (!stream)
            return Error(Errc::not_found, "there is no log of a build of the Package " + name, {},
                         "build");
        return std::string(std::istreambuf_iterator<char>(stream), {});
    };
    auto text = co_await pool_.run(std::move(work));
    co_return text;
}

void BuildDriver::stop(Deadline deadline) {
    subscription_.reset();
    BuildQueue::Effects effects;
    {
        std::lock_guard lock(mutex_);
        closed_ = true;
        queue_.close(effects);
    }
    perform(std::move(effects));
    if (!tasks_.join_blocking(deadline)) tasks_.cancel();
    tasks_.join_blocking(Deadline::after(std::chrono::seconds(5)));
}

std::unique_ptr<Builds> Builds::make(BuildOptions options, catalog::Catalog& catalog,
                                     artifact::ArchiveStore& archives, backend::Builder* builder,
                                     aio::Shards& shards, aio::BlockingPool& pool,
                                     const base::Clock& clock, telemetry::Logger& log,
                                     telemetry::Registry& metrics) {
    return std::make_unique<BuildDriver>(std::move(options), catalog, archives, builder, shards,
                                         pool, clock, log, metrics);
}

}  // namespace hearth::build
