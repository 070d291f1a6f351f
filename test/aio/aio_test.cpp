#include "support/catch.hpp"
#include "support/run_task.hpp"

#include <atomic>
#include <future>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/aio/waiters.hpp"

using namespace hearth;
using namespace hearth::aio;
using namespace std::chrono_literals;

namespace {

telemetry::Logger& quiet_log() {
    static telemetry::Logger log(telemetry::Level::error, telemetry::Logger::Format::json);
    return log;
}

Task<int> run_on_pool(BlockingPool& pool, int value) {
    auto work = [value]() -> Result<int> { return value * 2; };
    auto answer = co_await pool.run(std::move(work));
    co_return answer ? *answer : -1;
}

Task<std::string> refused_code(BlockingPool& pool) {
    auto work = []() -> Result<int> { return 1; };
    auto answer = co_await pool.run(std::move(work));
    co_return answer ? std::string("ran") : std::string(base::to_string(answer.error().code));
}

Task<void> wait_until_cancelled(std::atomic<int>& ended) {
    const bool slept = co_await sleep_until(Deadline::never());
    if (!slept) ended.fetch_add(1);
}

/// Is not waiting for anything that could be cancelled when the signal comes.
Task<void> sleep_after_the_signal(std::atomic<int>& ended) {
    co_await net::this_coro::throw_if_cancelled(false);
    const auto executor = co_await net::this_coro::executor;
    const net::use_awaitable_t<Executor> token;
    for (int turns = 0; turns < 100; ++turns) co_await net::post(executor, token);
    const bool slept = co_await sleep_until(Deadline::never());
    const auto slot = std::make_shared<OneShot<int>>(executor);
    const auto value = co_await slot->wait(Deadline::never());
    if (!slept && !value) ended.fetch_add(1);
}

Task<void> throw_at_once() {
    throw std::logic_error("on purpose");
    co_return;
}

Task<std::string> wait_for(std::shared_ptr<OneShot<std::string>> slot, Deadline deadline) {
    auto value = co_await slot->wait(deadline);
    co_return value ? *value : std::string("nothing");
}

Task<void> wait_in(std::unique_ptr<Waiters::Place> place, std::atomic<int>& ended) {
    co_await place->wait(Deadline::after(30s));
    place.reset();
    ended.fetch_add(1);
}

}  // namespace

TEST_CASE("aio: waiters are told by number, bounded, and ended together", "[aio][unit]") {
    Shards shards(1);
    Waiters waiters(3);
    std::atomic<int> seventh{0}, eighth{0};
    TaskGroup tasks(quiet_log());
    const auto executor = shards.first().executor();
    const auto wait = [&](std::int64_t key, std::atomic<int>& ended) {
        auto place = waiters.enter(key, executor);
        REQUIRE(place);
        tasks.spawn(executor, "waiter", wait_in(std::move(place), ended));
    };
    const auto until = [](std::atomic<int>& count, int wanted) {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (count.load() < wanted && std::chrono::steady_clock::now() < end)
            std::this_thread::sleep_for(1ms);
        return count.load() == wanted;
    };
    wait(7, seventh);
    wait(7, seventh);
    wait(8, eighth);
    CHECK_FALSE(waiters.enter(9, executor));
    waiters.tell(7);
    CHECK(until(seventh, 2));
    CHECK(eighth.load() == 0);
    {
        const auto unused = waiters.enter(9, executor);
        CHECK(unused);
        CHECK(waiters.enter(9, executor));
    }
    waiters.close();
    CHECK(until(eighth, 1));
    CHECK_FALSE(waiters.enter(9, executor));
    tasks.join_blocking(Deadline::after(10s));
}

TEST_CASE("aio: the blocking pool resumes on the caller's loop with the value", "[aio][unit]") {
    BlockingPool pool(2, 16);
    CHECK(test::run_task(run_on_pool(pool, 21)) == 42);
}

TEST_CASE("aio: a full pool refuses at once", "[aio][unit]") {
    BlockingPool pool(1, 1);
    std::promise<void> release;
    auto gate = release.get_future().share();
    std::promise<void> started;
    REQUIRE(pool.submit([gate, &started] {
        started.set_value();
        gate.wait();
    }));
    started.get_future().wait();
    REQUIRE(pool.submit([] {}));
    CHECK(test::run_task(refused_code(pool)) == "exhausted");
    release.set_value();
    pool.stop();
    CHECK(test::run_task(refused_code(pool)) == "unavailable");
}

TEST_CASE("aio: a task group cancels and joins what it runs", "[aio][unit]") {
    Shards shards(2);
    std::atomic<int> ended{0};
    TaskGroup group(quiet_log());
    for (std::size_t i = 0; i < 10; ++i) {
        group.spawn(shards.at(i % 2).executor(), "waiter", wait_until_cancelled(ended));
    }
    CHECK(group.size() == 10);
    CHECK_FALSE(group.join_blocking(Deadline::after(10ms)));
    group.cancel();
    CHECK(group.join_blocking(Deadline::after(10s)));
    CHECK(ended == 10);
    group.spawn(shards.first().executor(), "late", wait_until_cancelled(ended));
    CHECK(group.size() == 0);
}

TEST_CASE("aio: a cancellation that comes between two waits ends the next one", "[aio][unit]") {
    Shards shards(1);
    TaskGroup group(quiet_log());
    std::atomic<int> ended{0};
    group.spawn(shards.first().executor(), "sleeper", sleep_after_the_signal(ended));
    group.cancel();
    REQUIRE(group.join_blocking(Deadline::after(10s)));
    CHECK(ended == 1);
}

TEST_CASE("aio: an exception ends its task and not the group", "[aio][unit]") {
    Shards shards(1);
    telemetry::Logger log(telemetry::Level::error, telemetry::Logger::Format::json);
    log.set_level(static_cast<telemetry::Level>(99));
    TaskGroup group(log);
    group.spawn(shards.first().executor(), "thrower", throw_at_once());
    CHECK(group.join_blocking(Deadline::after(10s)));
}

TEST_CASE("aio: a one-shot hands over before, during and not after the wait", "[aio][unit]") {
    net::io_context context(1);
    SECTION("before") {
        auto slot = std::make_shared<OneShot<std::string>>(context.get_executor());
        CHECK(slot->deliver("early"));
        CHECK_FALSE(slot->deliver("twice"));
    }
    SECTION("from another thread") {
        Shards shards(1);
        auto slot = std::make_shared<OneShot<std::string>>(shards.first().executor());
        std::promise<std::string> got;
        auto done = [&got](std::exception_ptr, std::string value) {
            got.set_value(std::move(value));
        };
        net::co_spawn(shards.first().executor(), wait_for(slot, Deadline::never()), done);
        CHECK(slot->deliver("across"));
        CHECK(got.get_future().get() == "across");
    }
    SECTION("too late") {
        Shards shards(1);
        auto slot = std::make_shared<OneShot<std::string>>(shards.first().executor());
        std::promise<std::string> got;
        auto done = [&got](std::exception_ptr, std::string value) {
            got.set_value(std::move(value));
        };
        net::co_spawn(shards.first().executor(), wait_for(slot, Deadline::after(1ms)), done);
        CHECK(got.get_future().get() == "nothing");
        CHECK_FALSE(slot->deliver("late"));
    }
}

TEST_CASE("aio: deadlines", "[aio][unit]") {
    CHECK(Deadline::never().is_never());
    CHECK_FALSE(Deadline::never().passed());
    CHECK(Deadline::after(Deadline::Clock::duration::max()).is_never());
    const auto past = Deadline(Deadline::Clock::now() - 1s);
    CHECK(past.passed());
    CHECK(past.left() == Deadline::Clock::duration::zero());
    CHECK(past.sooner(Deadline::never()) == past);
}
