#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "hearth/aio/one_shot.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/s3/s3_archive_store.hpp"
#include "s3/bucket.hpp"
#include "s3/cache_book.hpp"

namespace hearth::s3 {

/// The bucket is what counts, the cache only spares ways to it. Thread: any; transfers that several
/// may wait for run on the first shard.
class S3ArchiveStore final : public artifact::ArchiveStore {
 public:
    S3ArchiveStore(S3Options options, std::unique_ptr<artifact::ArchiveStore> cache,
                   std::unique_ptr<Bucket> bucket, aio::Executor background,
                   aio::BlockingPool& pool, telemetry::Logger& log, telemetry::Registry& metrics);
    ~S3ArchiveStore() override;

    Task<Result<std::unique_ptr<artifact::Upload>>> begin_upload() override;
    Task<Result<artifact::ArchiveInfo>> put(std::string bytes) override;
    Task<Result<artifact::ArchiveInfo>> info(std::string digest) override;
    Task<Result<std::vector<artifact::ArchiveInfo>>> list() override;
    Task<Result<std::filesystem::path>> packed_path(std::string digest) override;
    Task<Result<std::filesystem::path>> unpacked(std::string digest) override;
    std::filesystem::path unpacked_now(const std::string& digest) const override;
    Task<Result<std::vector<std::string>>> collect(std::set<std::string> named,
                                                   std::int64_t min_age_seconds) override;
    void stop(Deadline deadline) override;

    Bucket& bucket() { return *bucket_; }
    /// Takes stock of what an earlier run left in the cache, in the background.
    void start();
    /// The cache's archive into the bucket, unless that has it; older than ten minutes there, it is
    /// sent again where `refresh` says so, so that nothing collects it before it is named.
    Task<Result<artifact::ArchiveInfo>> bring(artifact::ArchiveInfo info, bool refresh);

 private:
    using Answer = Result<void>;
    using Waiter = std::shared_ptr<aio::OneShot<Answer>>;

    Task<Result<void>> fetch(std::string digest);
    Task<void> fetch_and_answer(std::string digest);
    Task<Result<void>> transfer(std::string digest, Deadline deadline);
    Task<Result<std::filesystem::path>> unpack_and_measure(std::string digest);
    Task<void> take_stock();
    Task<void> trim();
    void trim_if_full();
    std::optional<artifact::ArchiveInfo> known(const std::string& digest) const;
    void remember(artifact::ArchiveInfo info);

    const S3Options options_;
    const std::unique_ptr<artifact::ArchiveStore> cache_;
    const std::unique_ptr<Bucket> bucket_;
    const aio::Executor background_;
    aio::BlockingPool& pool_;
    telemetry::Logger& log_;
    base::SystemClock clock_;

    mutable std::mutex mutex_;
    std::unordered_map<std::string, artifact::ArchiveInfo> stored_;  ///< the bucket has these
    mutable CacheBook book_;
    std::map<std::string, std::vector<Waiter>> flights_;
    bool trimming_ = false;
    telemetry::Gauge& cached_;

    aio::TaskGroup tasks_;
};

}  // namespace hearth::s3
