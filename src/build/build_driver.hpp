#pragma once

#include <map>
#include <mutex>
#include <stop_token>

#include "build/build_log.hpp"
#include "build/build_queue.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/build/builds.hpp"

namespace hearth::build {

/// The driver of BuildQueue. Threads: what it does by itself runs on the first shard; the queue,
/// the runs and the logs have one lock, never held across a suspension.
class BuildDriver final : public Builds {
 public:
    BuildDriver(BuildOptions options, catalog::Catalog& catalog, artifact::ArchiveStore& archives,
                backend::Builder* builder, aio::Shards& shards, aio::BlockingPool& pool,
                const base::Clock& clock, telemetry::Logger& log, telemetry::Registry& metrics);
    ~BuildDriver() override;

    void start() override;
    Result<BuildView> state(const std::string& ns, const std::string& package) const override;
    std::vector<BuildView> queue() const override;
    Task<Result<BuildView>> rebuild(std::string ns, std::string package) override;
    Task<Result<BuildView>> cancel(std::string ns, std::string package) override;
    std::shared_ptr<LiveLog> live_log(const std::string& ns, const std::string& package) override;
    Task<Result<std::string>> kept_log(std::string ns, std::string package) override;
    void stop(Deadline deadline) override;

 private:
    /// One build from its start to its end.
    struct Run {
        PackageKey key;
        std::uint64_t id = 0;
        model::BuildInput input;
        int attempts = 0;
        std::stop_source stop;
        std::string why;  ///< why it is stopped; under the driver's lock
        std::shared_ptr<BuildLog> log;
        std::string builder;  ///< hash
        base::SteadyTime began;
    };
    using RunPtr = std::shared_ptr<Run>;
    using Edit = std::function<void(model::Resource&, model::PackageBuild&)>;

    void on_changes(const std::vector<catalog::Change>& changes);
    void look_later(std::vector<PackageKey> keys);
    Task<void> look();
    void look_at(const PackageKey& key);
    Observation observe(const PackageKey& key) const;
    void perform(BuildQueue::Effects effects);

    Task<void> run(RunPtr run);
    Task<Result<artifact::ArchiveInfo>> carry_out(RunPtr run);
    Task<Result<artifact::ArchiveInfo>> build(RunPtr run, model::Resource environment);
    Task<Result<artifact::ArchiveInfo>> store(RunPtr run, backend::BuildOutput output);
    Task<Result<artifact::ArchiveInfo>> upload(std::filesystem::path file);
    Task<void> conclude(RunPtr run, Result<artifact::ArchiveInfo> outcome);
    Task<void> conclude_unstarted(BuildQueue::Effect effect);
    Task<void> finish(PackageKey key, std::uint64_t run, std::shared_ptr<BuildLog> log);
    Task<Result<bool>> change(PackageKey key, std::optional<model::BuildInput> input, Edit edit);

    std::string failure_text(const Run& run, const Error& error) const;
    BuildView view_of(const PackageKey& key, const model::Resource& package) const;
    bool is_stale(const PackageKey& key, const model::PackageBuild& build) const;
    std::filesystem::path log_file(const PackageKey& key) const;
    std::shared_ptr<BuildLog> log_of(const PackageKey& key);
    std::string now_text() const { return base::to_rfc3339(clock_.wall()); }

    const BuildOptions options_;
    catalog::Catalog& catalog_;
    artifact::ArchiveStore& archives_;
    backend::Builder* builder_;
    aio::Shards& shards_;
    aio::BlockingPool& pool_;
    const base::Clock& clock_;
    telemetry::Logger& log_;
    telemetry::Counter& succeeded_;
    telemetry::Counter& failed_;
    telemetry::Histogram& seconds_;

    mutable std::mutex mutex_;
    BuildQueue queue_;
    std::map<std::uint64_t, RunPtr> runs_;
    std::map<PackageKey, std::shared_ptr<BuildLog>> logs_;  ///< of what waits or runs
    std::vector<PackageKey> to_look_at_;
    bool looking_ = false;
    bool closed_ = false;

    catalog::Catalog::Subscription subscription_;
    aio::TaskGroup tasks_;
};

}  // namespace hearth::build
