#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/artifact/archive_store.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::s3 {

struct S3Options {
    std::string endpoint;                     ///< http(s)://host:port
    std::string bucket;
    std::string region = "us-east-1";
    std::string prefix;                       ///< before each object's name
    std::filesystem::path credentials_file;   ///< empty: the variables AWS_ACCESS_KEY_ID …
    std::string ca_pem;                       ///< authorities trusted besides the system's
    std::uint64_t cache_bytes = 4096ull << 20;
    std::uint64_t max_archive_bytes = 256u << 20;
    std::chrono::milliseconds timeout{120'000};   ///< of one transfer, tries included
    /// How long an archive stays in the cache after its last use, however full that is: code may be on its way
    /// from there into an instance.
    std::chrono::seconds least_stay{60};
};

/// Archives in a bucket of an S3-compatible store, by digest, with `cache` for those in use here. An archive is there
/// once the bucket has it; what only the cache has is brought there when it is asked for. Blocks for up to five seconds
/// to look at the bucket; one that cannot be reached is a warning, one that refuses an error.
/// Errors: invalid_argument (endpoint, credentials), io (no such bucket, keys not accepted).
Result<std::unique_ptr<artifact::ArchiveStore>> open_s3_archive_store(S3Options options,
                                                                      std::unique_ptr<artifact::ArchiveStore> cache,
                                                                      aio::Shards& shards, aio::BlockingPool& pool,
                                                                      telemetry::Logger& log,
                                                                      telemetry::Registry& metrics);

}  // namespace hearth::s3
