#pragma once

#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "backend/build_scratch.hpp"
#include "backend/confinement.hpp"
#include "backend/disk_watch.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/backend/builder.hpp"
#include "hearth/backend/process_backend.hpp"
#include "hearth/telemetry/log.hpp"

namespace hearth::backend {

/// Builds as processes of this machine, confined as instances are, but for the network, which they
/// have, and the disk: a scratch folder and their environment's cache are writable.
/// Threads: one per build, because a child's parent-death signal fires when the thread that started
/// it ends; it reads the command's output and calls the sink.
class ProcessBuilder final : public Builder {
 public:
    /// All outlive it. `folder`: RUN/builds.
    ProcessBuilder(const ProcessBackendOptions& options, const Confinement& confinement,
                   std::filesystem::path folder, telemetry::Logger& log);
    ~ProcessBuilder() override;

    Result<void> check(const model::EnvironmentSpec& spec) const override;
    Task<Result<BuildOutput>> build(BuildOrder order, LineSink sink, Deadline deadline) override;
    void forget(const std::string& environment_uid) override;
    /// Ends what runs and waits for it. Nothing is built afterwards.
    void stop();

 private:
    struct Job;
    using Answer = aio::OneShot<Result<BuildOutput>>;

    Result<void> begin(const std::shared_ptr<Job>& job);
    void work(std::shared_ptr<Job> job);
    Result<BuildOutput> carry_out(Job& job);
    Result<void> run_command(Job& job, const BuildScratch& scratch, const BuildCache& cache);
    Result<int> wait_for(Job& job, pid_t pid, int pidfd, int output);
    std::vector<DiskBound> bounds(const BuildScratch& scratch, const BuildCache& cache) const;
    void leave_cache(const BuildCache& cache);
    void end_group(const std::string& name, pid_t pid);
    Error explain(const Job& job, int status) const;

    const ProcessBackendOptions& options_;
    const Confinement& confinement_;
    const std::filesystem::path folder_;
    telemetry::Logger& log_;
    std::mutex cache_mutex_;
    std::map<std::filesystem::path, int> cache_users_;  ///< builds that run with it
    void join_ended();

    std::mutex mutex_;
    std::map<std::shared_ptr<Job>, std::thread> jobs_;
    std::vector<std::thread> ended_;  ///< about to return
    bool stopped_ = false;
};

}  // namespace hearth::backend
