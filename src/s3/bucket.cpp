#include "s3/bucket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "hearth/aio/one_shot.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::s3 {
namespace {

constexpr std::size_t kPiece = 256 * 1024;
constexpr std::uint64_t kLongestList = 4u << 20;
constexpr auto kFirstPause = std::chrono::milliseconds(100);
constexpr auto kLongestPause = std::chrono::milliseconds(3'000);
constexpr int kTries = 6;

std::optional<std::string> variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

bool may_pass(int status) {
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

class TextSink final : public http::BodySink {
 public:
    Task<Result<void>> write(std::string_view bytes) override {
        text.append(bytes);
        co_return Result<void>();
    }
    std::string text;
};

/// A file read piece by piece on the blocking pool.
class FileSource final : public http::BodySource {
 public:
    FileSource(std::filesystem::path path, aio::BlockingPool& pool)
        : path_(std::move(path)), pool_(pool) {}

    Task<Result<std::string>> next() override {
        auto job = [path = path_, at = at_]() -> Result<std::string> {
            const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
            if (fd < 0) return base::from_errno(errno, "open " + path.string());
            std::string piece(kPiece, '\0');
            const ssize_t count = ::pread(fd, piece.data(), piece.size(), at);
            const int reason = errno;
            ::close(fd);
            if (count < 0) return base::from_errno(reason, "read " + path.string());
            piece.resize(static_cast<std::size_t>(count));
            return piece;
        };
        auto piece = co_await pool_.run(std::move(job));
        if (piece) at_ += static_cast<off_t>(piece->size());
        co_return piece;
    }

 private:
    const std::filesystem::path path_;
    aio::BlockingPool& pool_;
    off_t at_ = 0;
};

}  // namespace

/// One request, to be signed at each try.
struct Bucket::Order {
    std::string method;
    std::string path;
    std::map<std::string, std::string> query;
    std::filesystem::path file;  ///< sent as the body; empty: none
    std::uint64_t bytes = 0;
    std::string sha256;
    Order() = default;  // a constructor, so that g++ 12.2 handles it in coroutines
};

Bucket::Bucket(const S3Options& options, http::WebAddress endpoint,
               std::unique_ptr<http::WebClient> web, aio::BlockingPool& pool,
               telemetry::Registry& metrics)
    : bucket_(options.bucket),
      region_(options.region),
      prefix_(options.prefix),
      endpoint_(std::move(endpoint)),
      credentials_(options.credentials_file, variable),
      web_(std::move(web)),
      pool_(pool),
      requests_(metrics.counter("hearth_s3_requests_total", "Requests to the archive store")),
      failures_(metrics.counter("hearth_s3_failures_total",
                                "Requests to the archive store that failed")) {}

Bucket::Order Bucket::order(const char* method, const std::string& name) const {
    Order order;
    order.method = method;
    order.path = "/" + encode(bucket_, true);
    if (!name.empty()) order.path += "/" + encode(prefix_ + name, false);
    order.sha256 = base::sha256_hex("");
    return order;
}

Error Bucket::failed(const Error& error) const {
    const bool late = error.code == Errc::deadline_exceeded;
    return Error(error.code == Errc::cancelled || late ? error.code : Errc::unavailable,
                 fmt::format("the archive store (bucket {} of {}) cannot be reached: {}", bucket_,
                             endpoint_.authority(), error.message),
                 {}, "s3");
}

Error Bucket::refused(const http::WebResponse& response) const {
    const auto complaint = parse_complaint(response.body);
    std::string text = fmt::format("the archive store (bucket {} of {}) answers {}", bucket_,
                                   endpoint_.authority(), response.status);
    if (!complaint.code.empty()) text += fmt::format(" {}: {}", complaint.code, complaint.message);
    if (response.status == 403)
        text += "; look at the credentials, archives.s3.region and this machine's clock";
    else if (response.status == 301 || response.status == 307)
        text += "; archives.s3.region or archives.s3.endpoint is another bucket's";
    else if (response.status == 404)
        text += "; the bucket must exist";
    const bool full = response.status == 507 || complaint.code.find("Quota") != std::string::npos ||
                      complaint.code.find("StorageFull") != std::string::npos;
    const Errc code = full                        ? Errc::no_space
                      : may_pass(response.status) ? Errc::unavailable
                                                  : Errc::io;
    return Error(code, std::move(text), {}, "s3");
}

http::WebRequest Bucket::sign(const Order& order, const Credentials& credentials) const {
    const auto wall = clock_.wall().time_since_epoch();
    const auto time = amz_time(std::chrono::duration_cast<std::chrono::seconds>(wall).count());
    SignedParts parts;
    parts.method = order.method;
    parts.path = order.path;
    parts.query = order.query;
    parts.payload_sha256 = order.sha256;
    parts.headers["host"] = endpoint_.authority();
    parts.headers["x-amz-content-sha256"] = order.sha256;
    parts.headers["x-amz-date"] = time;
    if (!credentials.token.empty()) parts.headers["x-amz-security-token"] = credentials.token;
    http::WebRequest request;
    request.method = order.method;
    request.address = endpoint_;
    request.address.target = order.path;
    if (!order.query.empty()) request.address.target += "?" + canonical_query(order.query);
    for (const auto& [name, value] : parts.headers)
        if (name != "host") request.headers.add(name, value);
    request.headers.add("Authorization", authorization(parts, credentials, region_, time));
    return request;
}

Task<Result<http::WebResponse>> Bucket::once(Order& order, http::BodySink* sink,
                                             std::uint64_t limit, Deadline deadline) {
    auto credentials = credentials_.get();
    if (!credentials) co_return credentials.error();
    http::WebRequest request = sign(order, *credentials);
    FileSource source(order.file, pool_);
    if (!order.file.empty()) {
        request.source = &source;
        request.source_bytes = order.bytes;
    }
    requests_.add();
    auto response = co_await web_->send(std::move(request), sink, limit, deadline);
    if (!response || may_pass(response->status)) failures_.add();
    co_return response;
}

/// Tries again what may pass by itself. `text`: takes a 2xx answer's body; may be null.
Task<Result<http::WebResponse>> Bucket::persist(Order& order, std::string* text,
                                                Deadline deadline) {
    auto pause = kFirstPause;
    for (int tried = 1;; ++tried) {
        TextSink sink;
        http::BodySink* const taker = text == nullptr ? nullptr : &sink;
        auto response = co_await once(order, taker, kLongestList, deadline);
        const bool passing =
            response ? may_pass(response->status) : response.error().code == Errc::unavailable;
        if (!passing || tried == kTries || deadline.left() < pause) {
            if (text != nullptr) *text = std::move(sink.text);
            if (response) co_return response;
            const bool own = response.error().code == Errc::invalid_argument;
            co_return own ? response.error() : failed(response.error());
        }
        const bool slept = co_await aio::sleep_until(Deadline::after(pause));
        if (!slept) co_return Error(Errc::cancelled, "the caller went away", {}, "s3");
        pause = std::min<std::chrono::milliseconds>(pause * 2, kLongestPause);
    }
}

Task<Result<void>> Bucket::put(std::string name, std::filesystem::path file, std::uint64_t bytes,
                               std::string sha256, Deadline deadline) {
    Order wanted = order("PUT", name);
    wanted.file = std::move(file);
    wanted.bytes = bytes;
    wanted.sha256 = std::move(sha256);
    auto response = co_await persist(wanted, nullptr, deadline);
    if (!response) co_return response.error();
    if (response->status / 100 != 2) co_return refused(*response);
    co_return Result<void>();
}

Task<Result<std::optional<Object>>> Bucket::find(std::string name, Deadline deadline) {
    Order wanted = order("HEAD", name);
    auto response = co_await persist(wanted, nullptr, deadline);
    if (!response) co_return response.error();
    if (response->status == 404) co_return std::optional<Object>();
    if (response->status / 100 != 2) co_return refused(*response);
    std::optional<Object> found(std::in_place);
    found->key = name;
    const auto length = response->headers.find("Content-Length");
    const auto modified = response->headers.find("Last-Modified");
    if (length) found->bytes = std::strtoull(std::string(*length).c_str(), nullptr, 10);
    if (modified) found->modified_unix = parse_http_time(std::string(*modified));
    co_return found;
}

Task<Result<void>> Bucket::get(std::string name, http::BodySink& sink, std::uint64_t limit,
                               Deadline deadline) {
    Order wanted = order("GET", name);
    auto response = co_await once(wanted, &sink, limit, deadline);
    if (!response && response.error().code == Errc::unavailable) co_return failed(response.error());
    if (!response) co_return response.error();
    if (response->status == 404 && parse_complaint(response->body).code != "NoSuchBucket")
        co_return Error(Errc::not_found,
                        fmt::format("there is no archive {} in bucket {}", name, bucket_), {},
                        "s3");
    if (response->status / 100 != 2) co_return refused(*response);
    co_return Result<void>();
}

Task<Result<void>> Bucket::remove(std::string name, Deadline deadline) {
    Order wanted = order("DELETE", name);
    auto response = co_await persist(wanted, nullptr, deadline);
    if (!response) co_return response.error();
    if (response->status / 100 != 2 && response->status != 404) co_return refused(*response);
    co_return Result<void>();
}

Task<Result<Listing>> Bucket::page(std::string token, Deadline deadline) {
    Order wanted = order("GET", "");
    wanted.query["list-type"] = "2";
    if (!prefix_.empty()) wanted.query["prefix"] = prefix_;
    if (!token.empty()) wanted.query["continuation-token"] = token;
    std::string text;
    auto response = co_await persist(wanted, &text, deadline);
    if (!response) co_return response.error();
    if (response->status / 100 != 2) co_return refused(*response);
    co_return parse_listing(text);
}

Task<Result<std::vector<Object>>> Bucket::list(Deadline deadline) {
    std::vector<Object> objects;
    std::string token;
    do {
        auto listing = co_await page(token, deadline);
        if (!listing) co_return listing.error();
        for (auto& object : listing->objects) {
            if (!object.key.starts_with(prefix_)) continue;
            object.key.erase(0, prefix_.size());
            objects.push_back(std::move(object));
        }
        token = std::move(listing->next);
    } while (!token.empty());
    co_return objects;
}

Task<Result<void>> Bucket::probe(Deadline deadline) {
    auto listing = co_await page("", deadline);
    if (!listing) co_return listing.error();
    co_return Result<void>();
}

}  // namespace hearth::s3
