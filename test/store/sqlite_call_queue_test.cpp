#include "hearth/store/sqlite_call_queue.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>

#include "catalog/call_queue_contract.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/base/ids.hpp"
#include "store/migrations.hpp"
#include "store/store_fixture.hpp"

using namespace hearth;

namespace {

struct CallStore {
    CallStore() { options.file = dir.path() / "calls.db"; }
    std::unique_ptr<catalog::CallQueue> open() {
        auto opened = store::open_sqlite_call_queue(options, pool, log, metrics);
        if (!opened) throw std::runtime_error(opened.error().message);
        return std::move(*opened);
    }

    test::TempDir dir;
    store::CallQueueOptions options;
    aio::BlockingPool pool{2, 64};
    telemetry::Logger log{static_cast<telemetry::Level>(99), telemetry::Logger::Format::text};
    telemetry::Registry metrics;
};

}  // namespace

TEST_CASE("call store: it keeps the contract", "[store]") {
    CallStore store;
    test::check_call_queue_contract([&] { return store.open(); });
}

TEST_CASE("call store: what was accepted is there after a restart, numbers go on", "[store]") {
    CallStore store;
    catalog::AcceptedCall first;
    {
        test::CallQueueContract queue([&] { return store.open(); });
        first = queue.accept(test::new_call("f"));
    }
    test::CallQueueContract queue([&] { return store.open(); });
    CHECK(queue.found(first.call.id).request == test::new_call("f").request);
    CHECK(queue.accept(test::new_call("f")).call.seq == first.call.seq + 1);
    CHECK(test::ask_sqlite(store.options.file, "PRAGMA integrity_check") == "ok");
}

TEST_CASE("call store: no shipped migration step ever changes", "[store][unit]") {
    const std::vector<std::string> golden = {
        "55ae22d1e0c14c6a7ba540066bf21de19a9f30b5faf883e633fa452ec9e5bc1c"};
    const auto steps = store::call_migration_steps();
    REQUIRE(steps.size() == golden.size());
    for (std::size_t i = 0; i < golden.size(); ++i) CHECK(base::sha256_hex(steps[i]) == golden[i]);
}

TEST_CASE("call store: a file that is no database is refused and named", "[store]") {
    CallStore store;
    std::ofstream(store.options.file) << std::string(8192, 'x');
    const auto refused =
        store::open_sqlite_call_queue(store.options, store.pool, store.log, store.metrics);
    REQUIRE(refused.has_error());
    CHECK_THAT(refused.error().message, Catch::Contains("calls.db"));
}

TEST_CASE("call store: one write that fails takes no other with it", "[store]") {
    CallStore store;
    test::CallQueueContract queue([&] { return store.open(); });
    const auto call = queue.accept(test::new_call("f")).call;
    aio::Shards shards(2);
    aio::TaskGroup group(store.log);
    std::atomic<int> good{0}, bad{0};
    auto one = [](catalog::CallQueue& q, std::string id, std::atomic<int>& g,
                  std::atomic<int>& b) -> Task<void> {
        auto refused = co_await q.redrive(id, 1, 2);
        auto accepted = co_await q.accept(test::new_call("f"));
        if (refused.has_error()) ++b;
        if (accepted) ++g;
    };
    for (std::size_t i = 0; i < 100; ++i)
        group.spawn(shards.at(i % 2).executor(), "one", one(*queue.queue, call.id, good, bad));
    REQUIRE(group.join_blocking(Deadline::after(std::chrono::seconds(20))));
    CHECK(good == 100);
    CHECK(bad == 100);
    CHECK(test::run_task(queue.queue->recover(1)).value().size() == 101);
}

TEST_CASE("call store: durable acceptance per second", "[.bench]") {
    CallStore store;
    auto queue = store.open();
    aio::Shards shards(2);
    aio::TaskGroup group(store.log);
    constexpr int kEach = 200, kClients = 256;
    std::mutex mutex;
    std::vector<double> times;
    auto client = [](catalog::CallQueue& q, std::mutex& m, std::vector<double>& t) -> Task<void> {
        std::vector<double> mine;
        for (int i = 0; i < kEach; ++i) {
            const auto began = std::chrono::steady_clock::now();
            auto accepted = co_await q.accept(test::new_call("f", std::string(200, 'x')));
            if (!accepted) throw std::runtime_error(accepted.error().message);
            const std::chrono::duration<double, std::milli> took =
                std::chrono::steady_clock::now() - began;
            mine.push_back(took.count());
        }
        std::lock_guard lock(m);
        t.insert(t.end(), mine.begin(), mine.end());
    };
    const auto began = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < kClients; ++i)
        group.spawn(shards.at(i % 2).executor(), "client", client(*queue, mutex, times));
    REQUIRE(group.join_blocking(Deadline::after(std::chrono::seconds(100))));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::sort(times.begin(), times.end());
    std::cout << "durable acceptances: " << static_cast<int>(kEach * kClients / took.count())
              << " /s with " << kClients << " at once, p50 " << times[times.size() / 2]
              << " ms, p99 " << times[times.size() * 99 / 100] << " ms\n";
    REQUIRE(times.size() == kEach * kClients);
}
