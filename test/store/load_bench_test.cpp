#include <malloc.h>
#include <time.h>

#include <chrono>
#include <iostream>

#include "store/store_fixture.hpp"

using namespace hearth;

namespace {

std::vector<catalog::Mutation> ten_thousand_functions() {
    std::vector<catalog::Mutation> all;
    for (int i = 0; i < 10'000; ++i) {
        const std::string name = "function-" + std::to_string(i);
        all.push_back(test::put(
            name,
            R"({"environment":{"name":"python","namespace":"default"},"package":{"packageref":)"
            R"({"name":")" +
                name +
                R"(-package","namespace":"default"},"functionName":)"
                R"("main.handler"},"executor":"pooled","concurrency":500,"requestsPerPod":1,)"
                R"("functionTimeout":60,"idletimeout":120})"));
        all.push_back(test::put(
            name + "-package",
            R"({"deployment":{"type":"url","url":"archive://)" + std::string(64, 'a') +
                R"(","checksum":{"type":"sha256","sum":")" + std::string(64, 'a') +
                R"("}},"environment":{"name":"python","namespace":"default"},"size":512})",
            "default", model::Kind::package));
        all.push_back(test::put(name + "-route",
                                R"({"relativeurl":"/)" + name +
                                    R"(","methods":["GET","POST"],"functionref":)"
                                    R"({"type":"name","name":")" +
                                    name + R"("}})",
                                "default", model::Kind::http_trigger));
    }
    return all;
}

/// CPU time of this thread: what a busy machine does not blur.
double cpu_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

std::size_t heap_bytes() {
    return ::mallinfo2().uordblks;
}

}  // namespace

/// Not part of a plain run: prints what the design puts figures on. `test_store "[.bench]"`.
TEST_CASE("store: bench of loading and writing", "[.bench]") {
    using Clock = std::chrono::steady_clock;
    const auto ms = [](Clock::duration d) {
        return std::chrono::duration_cast<std::chrono::microseconds>(d).count() / 1000.0;
    };
    test::StoreFixture fixture;
    {
        const auto store = fixture.open();
        auto all = ten_thousand_functions();
        const auto start = Clock::now();
        REQUIRE(test::write(*store, std::move(all)).has_value());
        std::cout << "write 30,000 objects in one batch: " << ms(Clock::now() - start) << " ms\n";
    }
    for (int i = 0; i < 3; ++i) {
        ::malloc_trim(0);
        const std::size_t before = heap_bytes();
        const double cpu = cpu_ms();
        const auto start = Clock::now();
        const auto store = fixture.open();
        const double cpu_used = cpu_ms() - cpu;
        const auto took = Clock::now() - start;
        CHECK(store->count(model::Kind::function) == 10'000);
        std::cout << "load 30,000 objects: " << ms(took) << " ms (CPU " << cpu_used << " ms), heap "
                  << static_cast<double>(heap_bytes() - before) / (1 << 20) << " MiB\n";
    }
    std::cout << "file: " << std::filesystem::file_size(fixture.options.file) << " bytes\n";
    const auto start_check = Clock::now();
    CHECK(test::ask_sqlite(fixture.options.file, "PRAGMA quick_check") == "ok");
    std::cout << "PRAGMA quick_check: " << ms(Clock::now() - start_check) << " ms\n";

    const auto store = fixture.open();
    const auto start = Clock::now();
    for (int i = 0; i < 200; ++i) {
        REQUIRE(test::write(*store, {test::put("one", "{\"v\":" + std::to_string(i) + "}")})
                    .has_value());
    }
    std::cout << "one writer: " << 200 * 1000.0 / ms(Clock::now() - start) << " writes/s\n";
    auto& loop = test::lasting_loop();
    int answered = 0;
    const std::uint64_t commits = fixture.counter("hearth_store_commits_total");
    const auto start_many = Clock::now();
    for (int i = 0; i < 2000; ++i) {
        std::vector<catalog::Mutation> batch = {test::put("many-" + std::to_string(i))};
        boost::asio::co_spawn(loop.get_executor(), store->write(std::move(batch)),
                              [&](std::exception_ptr, Result<std::vector<catalog::Change>> done) {
                                  if (done.has_value()) ++answered;
                              });
    }
    loop.run();
    CHECK(answered == 2000);
    std::cout << "2,000 writers at once: " << 2000 * 1000.0 / ms(Clock::now() - start_many)
              << " writes/s in " << fixture.counter("hearth_store_commits_total") - commits
              << " commits\n";
}
