#include <boost/asio/co_spawn.hpp>

#include <future>

#include "hearth/base/version.hpp"
#include "s3/s3_store.hpp"

namespace hearth::s3 {
namespace {

constexpr auto kFirstLook = std::chrono::seconds(5);

Result<http::WebAddress> endpoint_of(const S3Options& options) {
    auto address = http::WebAddress::parse(options.endpoint);
    const bool bare = address && address->target == "/";
    if (bare) return address;
    return Error(Errc::invalid_argument,
                 "archives.s3.endpoint must be scheme, host and port, as in "
                 "https://s3.example.com:9000" +
                     (address ? std::string() : ": " + address.error().message),
                 {}, "s3");
}

Result<std::unique_ptr<http::WebClient>> make_web(const S3Options& options,
                                                  aio::BlockingPool& pool) {
    http::WebClientOptions web;
    web.private_addresses = true;  // whoever writes the configuration chooses the address
    web.ca_pem = options.ca_pem;
    web.user_agent = "hearth/" + std::string(base::version());
    return http::WebClient::make(std::move(web), pool);
}

/// A bucket that cannot be reached may come back; one that refuses is a wrong configuration.
Result<void> look(Bucket& bucket, aio::Executor executor, telemetry::Logger& log) {
    std::promise<Result<void>> promise;
    auto report = [&promise](std::exception_ptr thrown, Result<void> result) {
        if (thrown)
            promise.set_value(Error(Errc::internal, "looking at the bucket failed", {}, "s3"));
        else
            promise.set_value(std::move(result));
    };
    aio::net::co_spawn(executor, bucket.probe(Deadline::after(kFirstLook)), report);
    auto seen = promise.get_future().get();
    if (!seen.has_error()) return seen;
    const Error& error = seen.error();
    if (error.code != Errc::deadline_exceeded && error.code != Errc::unavailable) return error;
    log.log(telemetry::Level::warn, "s3",
            "the archive store does not answer; packages of the cache are served meanwhile",
            {{telemetry::kErr, error.message}});
    return {};
}

}  // namespace

Result<std::unique_ptr<artifact::ArchiveStore>> open_s3_archive_store(
    S3Options options, std::unique_ptr<artifact::ArchiveStore> cache, aio::Shards& shards,
    aio::BlockingPool& pool, telemetry::Logger& log, telemetry::Registry& metrics) {
    auto endpoint = endpoint_of(options);
    if (!endpoint) return endpoint.error();
    auto web = make_web(options, pool);
    if (!web) return web.error();
    auto bucket =
        std::make_unique<Bucket>(options, std::move(*endpoint), std::move(*web), pool, metrics);
    const auto executor = shards.first().executor();
    if (auto seen = look(*bucket, executor, log); seen.has_error()) return seen.error();
    auto store = std::make_unique<S3ArchiveStore>(std::move(options), std::move(cache),
                                                  std::move(bucket), executor, pool, log, metrics);
    store->start();
    return std::unique_ptr<artifact::ArchiveStore>(std::move(store));
}

}  // namespace hearth::s3
