#include <fstream>
#include <future>
#include <thread>

#include "hearth/base/ids.hpp"
#include "hearth/s3/s3_archive_store.hpp"
#include "support/catch.hpp"
#include "support/lasting_loop.hpp"
#include "support/temp_dir.hpp"
#include "support/web_server.hpp"

using namespace hearth;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// A bucket that holds what it is given, and what requests it got; it checks no signature.
class FakeBucket {
 public:
    FakeBucket()
        : server(test::WebServer::Kind::plain,
                 [this](const std::string& head) { return answer(head); }) {}

    std::string put(const std::string& body) {
        const std::lock_guard lock(mutex_);
        const auto digest = base::sha256_hex(body);
        objects_["/b/p/" + digest] = body;
        return digest;
    }
    void spoil(const std::string& digest) {
        const std::lock_guard lock(mutex_);
        objects_["/b/p/" + digest] = "something else";
    }
    int count(const std::string& start) const {
        int found = 0;
        for (const auto& head : server.heads()) found += head.starts_with(start) ? 1 : 0;
        return found;
    }
    std::atomic<int> failures{0};  ///< that many GETs are answered 503 first

 private:
    std::string answer(const std::string& head) {
        const auto path = head.substr(head.find(' ') + 1, head.find(' ', 5) - head.find(' ') - 1);
        const std::lock_guard lock(mutex_);
        if (path.starts_with("/b?"))
            return test::WebServer::ok("<ListBucketResult></ListBucketResult>");
        if (head.starts_with("PUT")) return test::WebServer::ok("");
        const auto found = objects_.find(path);
        if (found == objects_.end()) return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        if (head.starts_with("HEAD"))
            return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(found->second.size()) +
                   "\r\n\r\n";
        if (failures-- > 0) return "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n";
        return test::WebServer::ok(found->second);
    }

    std::mutex mutex_;
    std::map<std::string, std::string> objects_;

 public:
    test::WebServer server;
};

struct Bench {
    explicit Bench(std::uint64_t cache_bytes) {
        std::ofstream(dir.path() / "keys")
            << "[default]\naws_access_key_id=k\naws_secret_access_key=s\n";
        s3::S3Options options;
        options.endpoint = bucket.server.url("");
        options.bucket = "b";
        options.prefix = "p/";
        options.credentials_file = dir.path() / "keys";
        options.cache_bytes = cache_bytes;
        options.timeout = 10s;
        options.least_stay = 0s;
        auto cache = artifact::open_archive_store(dir.path() / "archives", {}, pool, log);
        auto opened = s3::open_s3_archive_store(options, std::move(cache.value()), shards, pool,
                                                log, metrics);
        if (!opened) throw std::runtime_error(opened.error().message);
        store = std::move(*opened);
    }
    ~Bench() { store->stop(Deadline::after(5s)); }

    bool cached(const std::string& digest) const {
        return fs::exists(dir.path() / "archives" / digest);
    }
    bool leaves(const std::string& digest) const {
        for (int i = 0; i < 1000 && cached(digest); ++i) std::this_thread::sleep_for(5ms);
        return !cached(digest);
    }

    test::TempDir dir;
    aio::BlockingPool pool{2, 64};
    telemetry::Logger log{static_cast<telemetry::Level>(99), telemetry::Logger::Format::text};
    telemetry::Registry metrics;
    aio::Shards shards{1};
    FakeBucket bucket;
    std::unique_ptr<artifact::ArchiveStore> store;
};

}  // namespace

TEST_CASE("s3: the cache keeps to its bound, and fetches again what has gone") {
    Bench bench(150'000);
    const auto one = bench.bucket.put(std::string(100'000, '1'));
    const auto two = bench.bucket.put(std::string(100'000, '2'));
    REQUIRE(test::run_lasting(bench.store->packed_path(one)));
    CHECK(bench.cached(one));
    REQUIRE(test::run_lasting(bench.store->packed_path(two)));
    CHECK(bench.leaves(one));
    CHECK(bench.bucket.count("GET /b/p/" + one) == 1);
    REQUIRE(test::run_lasting(bench.store->unpacked(one)));
    CHECK(bench.bucket.count("GET /b/p/" + one) == 2);
}

TEST_CASE("s3: an archive is fetched once, whoever waits, and again past a passing failure") {
    Bench bench(10'000'000);
    const auto digest = bench.bucket.put("def main(): pass\n");
    bench.bucket.failures = 1;
    std::vector<std::future<bool>> all;
    for (int i = 0; i < 4; ++i)
        all.push_back(std::async(std::launch::async, [&] {
            aio::net::io_context loop(1);
            bool fine = false;
            const auto done = [&](std::exception_ptr, Result<fs::path> path) {
                fine = path.has_value() && path->filename() == "user";
            };
            aio::net::co_spawn(loop.get_executor(), bench.store->unpacked(digest), done);
            loop.run_for(20s);
            return fine;
        }));
    for (auto& one : all) CHECK(one.get());
    CHECK(bench.bucket.count("GET /b/p/" + digest) == 2);
    CHECK(bench.store->unpacked_now(digest).filename() == "user");
}

TEST_CASE("s3: what is not there, damaged or only here") {
    Bench bench(10'000'000);
    const std::string absent(64, 'a');
    CHECK(test::run_lasting(bench.store->packed_path(absent)).error().code == Errc::not_found);
    CHECK(test::run_lasting(bench.store->info("no digest")).error().code == Errc::not_found);
    const auto spoilt = bench.bucket.put("good");
    bench.bucket.spoil(spoilt);
    const auto damaged = test::run_lasting(bench.store->packed_path(spoilt));
    REQUIRE(damaged.has_error());
    CHECK(damaged.error().message.find("damaged in bucket b") != std::string::npos);
    const auto put = test::run_lasting(bench.store->put("mine"));
    REQUIRE(put);
    CHECK(bench.bucket.count("PUT /b/p/" + put->digest) == 1);
    // Known to be there: no second time, and no question.
    REQUIRE(test::run_lasting(bench.store->put("mine")));
    REQUIRE(test::run_lasting(bench.store->info(put->digest)));
    CHECK(bench.bucket.count("PUT") == 1);
    CHECK(bench.bucket.count("HEAD /b/p/" + put->digest) == 0);
}
