#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/deadline.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/artifact/archive_store.hpp"
#include "hearth/backend/builder.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/model/package_build.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::build {

struct BuildOptions {
    std::size_t concurrency = 2;                 ///< at least 1
    std::chrono::milliseconds timeout{900'000};  ///< of one build
    std::filesystem::path log_folder;            ///< DIR/builds: <namespace>/<package>.log
    std::uint64_t log_bytes = 2u << 20;          ///< of each
};

/// A package's build as people see it.
struct BuildView {
    std::string ns, package, environment;
    model::BuildStatus status = model::BuildStatus::none;
    std::string source_digest, deployment_digest;
    std::string started_at, finished_at;
    std::string reason;     ///< why it waits, why it failed, or why its result is out of date
    bool stale = false;     ///< the environment's builder is another one since
    std::string log;        ///< the last lines; of a running build: so far
    BuildView() = default;
};

/// The log of one build on its way. Thread: any.
class LiveLog {
  public:
    virtual ~LiveLog() = default;
    struct Piece {
        std::string text;           ///< whole lines
        std::uint64_t next = 0;     ///< where the next read begins
        bool ended = false;         ///< nothing follows `text`
    };
    /// What was written from `at` on (0: the beginning), as far as it is still held in memory; a notice stands for
    /// what is not. Never waits.
    virtual Piece read(std::uint64_t at) const = 0;
    /// `wake` is called on each line and at the end, on any thread, and must not block. Ends when the handle goes.
    [[nodiscard]] virtual std::shared_ptr<void> subscribe(std::function<void()> wake) = 0;
};

/// Builds packages whose source has no deployment archive yet: follows the catalog, at most `concurrency` at once.
/// Thread: any; awaitables resume on the caller's shard.
class Builds {
  public:
    /// `builder` null: packages wait for ever and say so. All outlive it.
    static std::unique_ptr<Builds> make(BuildOptions options, catalog::Catalog& catalog,
                                        artifact::ArchiveStore& archives, backend::Builder* builder,
                                        aio::Shards& shards, aio::BlockingPool& pool, const base::Clock& clock,
                                        telemetry::Logger& log, telemetry::Registry& metrics);
    virtual ~Builds() = default;

    /// Follows the catalog from now on. Call once.
    virtual void start() = 0;
    /// Errors: not_found.
    virtual Result<BuildView> state(const std::string& ns, const std::string& package) const = 0;
    /// Running ones first, then those that wait, in their order.
    virtual std::vector<BuildView> queue() const = 0;
    /// Builds again, whatever the state; a build that waits or runs already is the answer then.
    /// Errors: not_found, invalid_argument (no source), those of the catalog.
    virtual Task<Result<BuildView>> rebuild(std::string ns, std::string package) = 0;
    /// Ends a build that waits or runs; its package is `failed` then. Errors: not_found, conflict (there is none).
    virtual Task<Result<BuildView>> cancel(std::string ns, std::string package) = 0;
    /// Of the build that waits or runs, else null.
    virtual std::shared_ptr<LiveLog> live_log(const std::string& ns, const std::string& package) = 0;
    /// Of the newest build that has ended. Errors: not_found, io.
    virtual Task<Result<std::string>> kept_log(std::string ns, std::string package) = 0;
    /// Ends running builds, which the next daemon starts again. Blocks; from no shard.
    virtual void stop(Deadline deadline) = 0;
};

}  // namespace hearth::build
