#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <fstream>
#include <mutex>

#include "hearth/telemetry/function_log.hpp"
#include "hearth/telemetry/metrics.hpp"
#include "telemetry/function_log_file.hpp"

using namespace hearth;
using namespace hearth::telemetry;

namespace {

LogEntry entry(std::string message, std::string request_id = "r1") {
    LogEntry e;
    e.time = std::chrono::system_clock::now();
    e.request_id = std::move(request_id);
    e.instance = "python-1";
    e.message = std::move(message);
    return e;
}

FunctionLogOptions options(const test::TempDir& dir) {
    FunctionLogOptions o;
    o.folder = dir.path() / "logs";
    return o;
}

LogQuery query(std::string function, std::string request_id = {}) {
    LogQuery q;
    q.ns = "default";
    q.function = std::move(function);
    q.request_id = std::move(request_id);
    return q;
}

}  // namespace

TEST_CASE("telemetry: function logs outlive the daemon and filter by request",
          "[telemetry][unit]") {
    test::TempDir dir;
    {
        FunctionLog log(options(dir));
        log.append("default", "hello", entry("one", "a"));
        log.append("default", "hello", entry("two\twith tab", "b"));
        log.append("default", "other", entry("three", "a"));
        const auto now = log.read(query("hello"));
        REQUIRE(now);
        CHECK(now->size() == 2);
    }
    FunctionLog log(options(dir));
    const auto all = log.read(query("hello"));
    REQUIRE(all);
    REQUIRE(all->size() == 2);
    CHECK((*all)[1].message == "two\twith tab");
    CHECK((*all)[1].instance == "python-1");
    const auto one = log.read(query("hello", "a"));
    REQUIRE(one);
    REQUIRE(one->size() == 1);
    CHECK(one->front().message == "one");
    CHECK(log.read(query("absent"))->empty());
    log.forget("default", "hello");
    CHECK(log.read(query("hello"))->empty());
}

TEST_CASE("telemetry: function logs stay within their bounds and keep the newest",
          "[telemetry][unit]") {
    test::TempDir dir;
    auto o = options(dir);
    o.bytes_per_function = 64 * 1024;
    o.bytes_total = 256 * 1024;
    FunctionLog log(o);
    for (int f = 0; f < 10; ++f) {
        for (int i = 0; i < 2000; ++i) {
            log.append("default", "f" + std::to_string(f), entry("line " + std::to_string(i)));
        }
        auto q = query("f" + std::to_string(f));
        q.limit = 1;
        const auto newest = log.read(q);
        REQUIRE(newest);
        REQUIRE(newest->size() == 1);
        CHECK(newest->front().message == "line 1999");
    }
    std::uintmax_t bytes = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(o.folder)) {
        if (file.is_regular_file()) bytes += file.file_size();
    }
    CHECK(bytes <= 256 * 1024 + 200 * 1024);
    CHECK(log.read(query("f0"))->empty());
}

TEST_CASE("telemetry: a torn last line is skipped", "[telemetry][unit]") {
    test::TempDir dir;
    std::filesystem::create_directories(dir.path() / "logs/default");
    std::string text;
    append_line(text, entry("whole"));
    std::ofstream(dir.path() / "logs/default/hello.log") << text << "17000000\to\tr";
    FunctionLog log(options(dir));
    const auto all = log.read(query("hello"));
    REQUIRE(all);
    REQUIRE(all->size() == 1);
    CHECK(all->front().message == "whole");
    log.append("default", "hello", entry("after"));
    CHECK(log.read(query("hello"))->size() == 2);
}

TEST_CASE("telemetry: followers get later lines of their function only", "[telemetry][unit]") {
    test::TempDir dir;
    FunctionLog log(options(dir));
    std::mutex mutex;
    std::vector<std::string> heard;
    auto follower = log.follow("default", "hello", [&](const LogEntry& e) {
        std::lock_guard lock(mutex);
        heard.push_back(e.message);
    });
    log.append("default", "hello", entry("mine"));
    log.append("default", "other", entry("not mine"));
    (void)log.read(query("hello"));
    follower.reset();
    log.append("default", "hello", entry("too late"));
    (void)log.read(query("hello"));
    std::lock_guard lock(mutex);
    CHECK(heard == std::vector<std::string>{"mine"});
}

TEST_CASE("telemetry: long lines are cut and a full queue drops and counts", "[telemetry][unit]") {
    test::TempDir dir;
    auto o = options(dir);
    o.queue_bytes = 20 * 1024;
    FunctionLog log(o);
    log.append("default", "hello", entry(std::string(40'000, 'x')));
    const auto all = log.read(query("hello"));
    REQUIRE(all->size() == 1);
    CHECK(all->front().message.size() == 16 * 1024 + 6);
    for (int i = 0; i < 100'000; ++i) log.append("default", "hello", entry("flood"));
    CHECK(log.dropped() > 0);
}

TEST_CASE("telemetry: Prometheus text", "[telemetry][unit]") {
    Registry registry;
    Counter& counter = registry.counter("hearth_calls_total", "Calls", {{"code", "2xx"}});
    counter.add(3);
    CHECK(&registry.counter("hearth_calls_total", "Calls", {{"code", "2xx"}}) == &counter);
    registry.gauge("hearth_warm", "Warm \"instances\"", {{"env", "a\"b\n"}}).set(-2);
    registry.gauge_callback("hearth_lag_seconds", "Lag", {}, [] { return 0.25; });
    Histogram& histogram = registry.histogram("hearth_wait_seconds", "Wait");
    histogram.observe(0.002);
    histogram.observe(100);
    const std::string text = registry.text();
    CHECK(text.find("# TYPE hearth_calls_total counter\nhearth_calls_total{code=\"2xx\"} 3\n") !=
          std::string::npos);
    CHECK(text.find("hearth_warm{env=\"a\\\"b\\n\"} -2\n") != std::string::npos);
    CHECK(text.find("hearth_lag_seconds 0.25\n") != std::string::npos);
    CHECK(text.find("hearth_wait_seconds_bucket{le=\"0.001\"} 0\n") != std::string::npos);
    CHECK(text.find("hearth_wait_seconds_bucket{le=\"0.0025\"} 1\n") != std::string::npos);
    CHECK(text.find("hearth_wait_seconds_bucket{le=\"60\"} 1\n") != std::string::npos);
    CHECK(text.find("hearth_wait_seconds_bucket{le=\"+Inf\"} 2\n") != std::string::npos);
    CHECK(text.find("hearth_wait_seconds_count 2\n") != std::string::npos);
}
