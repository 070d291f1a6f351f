#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/http/web_client.hpp"
#include "hearth/s3/s3_archive_store.hpp"
#include "hearth/telemetry/metrics.hpp"
#include "s3/answers.hpp"
#include "s3/credentials.hpp"

namespace hearth::s3 {

/// The objects of one bucket below one prefix, each request signed. What may pass by itself (no
/// connection, 429, 5xx) is tried again until the deadline. Errors: unavailable, deadline_exceeded,
/// no_space and io (the store refuses), of component "s3" and naming the bucket. Thread: any shard.
class Bucket {
 public:
    Bucket(const S3Options& options, http::WebAddress endpoint,
           std::unique_ptr<http::WebClient> web, aio::BlockingPool& pool,
           telemetry::Registry& metrics);

    /// The file in one piece; `sha256` is what the store checks it by.
    Task<Result<void>> put(std::string name, std::filesystem::path file, std::uint64_t bytes,
                           std::string sha256, Deadline deadline);
    /// Nothing when there is no such object.
    Task<Result<std::optional<Object>>> find(std::string name, Deadline deadline);
    /// One try: the sink cannot take the bytes twice. Errors also: not_found.
    Task<Result<void>> get(std::string name, http::BodySink& sink, std::uint64_t limit,
                           Deadline deadline);
    /// Also good when there is no such object.
    Task<Result<void>> remove(std::string name, Deadline deadline);
    /// All of them, with names without the prefix.
    Task<Result<std::vector<Object>>> list(Deadline deadline);
    /// The first page alone: whether the bucket can be used.
    Task<Result<void>> probe(Deadline deadline);

 private:
    struct Order;
    Task<Result<http::WebResponse>> once(Order& order, http::BodySink* sink, std::uint64_t limit,
                                         Deadline deadline);
    Task<Result<http::WebResponse>> persist(Order& order, std::string* text, Deadline deadline);
    Task<Result<Listing>> page(std::string token, Deadline deadline);
    http::WebRequest sign(const Order& order, const Credentials& credentials) const;
    Order order(const char* method, const std::string& name) const;
    Error refused(const http::WebResponse& response) const;
    Error failed(const Error& error) const;

    const std::string bucket_, region_, prefix_;
    const http::WebAddress endpoint_;
    CredentialSource credentials_;
    std::unique_ptr<http::WebClient> web_;
    aio::BlockingPool& pool_;
    base::SystemClock clock_;
    telemetry::Counter& requests_;
    telemetry::Counter& failures_;
};

}  // namespace hearth::s3
