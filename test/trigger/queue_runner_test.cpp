#include "trigger/queue_runner.hpp"

#include <algorithm>
#include <deque>
#include <set>

#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::trigger;
using namespace std::chrono_literals;

namespace {

/// A broker in memory. Its members are what a test looks at, under the mutex.
struct FakeBroker {
    std::mutex mutex;
    std::deque<QueueMessage> waiting;
    std::map<int, std::int64_t> stored;
    std::vector<OutgoingMessage> published;
    std::set<std::int64_t> settled;
    std::map<std::string, PublishFault> faults;  ///< by topic
    std::vector<bool> pauses;
    int opened = 0, closed = 0, touched = 0;
    LinkState state{"Connected", "", true, false};
    std::optional<Error> refuse;
    bool revoke = false;
    std::function<void()> wake;

    template <class F>
    auto with(F look) {
        std::lock_guard lock(mutex);
        return look(*this);
    }
    void send(int count, const std::string& key = "") {
        std::lock_guard lock(mutex);
        for (int i = 0; i < count; ++i) {
            QueueMessage message;
            message.topic = "t";
            message.offset = next++;
            message.value = std::to_string(message.offset);
            if (!key.empty()) message.key = key;
            waiting.push_back(std::move(message));
        }
        if (wake) wake();
    }
    std::int64_t next = 0;
};

class FakeLink final : public QueueLink {
 public:
    explicit FakeLink(FakeBroker& broker) : broker_(broker) {}
    void poll(LinkListener& listener) override {
        if (first_) listener.on_assigned({0});
        first_ = false;
        poll_published(listener);
        if (broker_.with([](auto& b) { return std::exchange(b.revoke, false); })) {
            listener.on_revoked(2s);
            listener.on_assigned({0});
        }
        std::deque<QueueMessage> messages;
        if (!paused_) messages = broker_.with([](auto& b) { return std::exchange(b.waiting, {}); });
        for (auto& message : messages) listener.on_message(std::move(message));
    }
    void poll_published(LinkListener& listener) override {
        for (auto& [token, fault] : std::exchange(ended_, {})) listener.on_published(token, fault);
    }
    LinkState state() const override {
        return broker_.with([](auto& b) { return b.state; });
    }
    std::optional<std::int64_t> lag() override { return 7; }
    void settle(const QueueMessage& message) override {
        broker_.with([&](auto& b) { return b.settled.insert(message.offset); });
    }
    void store(int partition, std::int64_t position) override {
        broker_.with([&](auto& b) { return b.stored[partition] = position; });
    }
    void commit() override {}
    void pause(int, bool paused) override {
        paused_ = paused;
        broker_.with([&](auto& b) { b.pauses.push_back(paused); });
    }
    void touch(const QueueMessage&) override {
        broker_.with([](auto& b) { return ++b.touched; });
    }
    std::optional<std::chrono::milliseconds> keep_alive() const override { return 20ms; }
    std::optional<PublishFault> publish(std::uint64_t token, OutgoingMessage message) override {
        std::lock_guard lock(broker_.mutex);
        const auto fault = broker_.faults.find(message.topic);
        if (fault != broker_.faults.end()) return fault->second;
        broker_.published.push_back(std::move(message));
        ended_.emplace_back(token, std::nullopt);
        broker_.wake();
        return std::nullopt;
    }
    void close(LinkListener& listener, std::chrono::milliseconds patience) override {
        listener.on_revoked(patience);
        broker_.with([](auto& b) { return ++b.closed; });
    }

 private:
    FakeBroker& broker_;
    bool first_ = true, paused_ = false;
    std::vector<std::pair<std::uint64_t, std::optional<PublishFault>>> ended_;
};

/// Answers as `script` says; `busy` holds calls until it is false.
class FakeFunction final : public Deliverer {
 public:
    Task<invoke::CallAnswer> deliver(Delivery delivery) override {
        {
            std::lock_guard lock(mutex);
            ++running;
            most = std::max(most, running);
            calls.push_back(delivery.body);
        }
        while (busy) {
            if (!co_await aio::sleep_until(Deadline::after(5ms))) break;
        }
        invoke::CallAnswer answer;
        std::lock_guard lock(mutex);
        --running;
        answer.status = script ? script(delivery) : 200;
        answer.body = "re:" + delivery.body;
        if (answer.status == 503)
            answer.error.emplace(Errc::unavailable, "no place", "", "executor");
        co_return answer;
    }
    std::size_t count() {
        std::lock_guard lock(mutex);
        return calls.size();
    }

    std::mutex mutex;
    std::function<int(const Delivery&)> script;
    std::vector<std::string> calls;
    std::atomic<bool> busy{false};
    int running = 0, most = 0;
};

struct Bench {
    telemetry::Logger log{telemetry::Level::error, telemetry::Logger::Format::json};
    telemetry::Registry metrics;
    aio::Shards shards{1};
    FakeBroker broker;
    FakeFunction function;
    QueueSurroundings around{
        shards,
        function,
        log,
        metrics,
        [this](const LinkSettings& settings,
               std::function<void()> wake) -> Result<std::unique_ptr<QueueLink>> {
            std::lock_guard lock(broker.mutex);
            ++broker.opened;
            credentials = settings.credentials;
            if (broker.refuse) return *broker.refuse;
            broker.wake = std::move(wake);
            return std::unique_ptr<QueueLink>(std::make_unique<FakeLink>(broker));
        },
        [this](const std::string& ns,
               const std::string& name) -> Result<std::map<std::string, std::string>> {
            if (secrets.empty())
                return Error(Errc::not_found, "there is no Secret " + ns + "/" + name);
            return secrets;
        },
        [](const std::string&, const std::string&) { return 60'000ms; },
        10ms,
        40ms,
        1'000ms};
    std::map<std::string, std::string> secrets, credentials;
    QueueNames names{"default", "q", {}};
    std::unique_ptr<QueueRunner> runner;

    Bench() {
        names.spec.function = "f";
        names.spec.topic = "t";
        names.spec.retry_delay = 10ms;
    }
    ~Bench() {
        function.busy = false;
        runner.reset();
        shards.stop();
    }
    void start() {
        runner = std::make_unique<QueueRunner>(names, around);
        runner->start();
    }
    template <class F>
    bool soon(F condition) {
        for (int i = 0; i < 1'000; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(5ms);
        }
        return false;
    }
    bool stored_is(std::int64_t position) {
        return soon([&] { return broker.with([&](auto& b) { return b.stored[0] == position; }); });
    }
    bool state_is(const std::string& word) {
        return soon([&] { return runner->status().state == word; });
    }
};

}  // namespace

TEST_CASE("messages become calls, no more at once than allowed, and their position is stored") {
    Bench bench;
    bench.names.spec.concurrency = 3;
    bench.function.busy = true;
    bench.start();
    bench.broker.send(20);
    REQUIRE(bench.soon([&] { return bench.function.count() == 3; }));
    std::this_thread::sleep_for(50ms);
    CHECK(bench.function.count() == 3);
    CHECK(bench.runner->status().in_flight == 3);
    CHECK(bench.broker.with([](auto& b) { return b.stored.empty(); }));
    CHECK(bench.soon([&] { return bench.broker.with([](auto& b) { return b.touched > 0; }); }));
    bench.function.busy = false;
    CHECK(bench.stored_is(20));
    CHECK(bench.function.most == 3);
    CHECK(bench.broker.with([](auto& b) { return b.settled.size(); }) == 20);
    CHECK(bench.soon([&] { return bench.runner->status().delivered == 20; }));
    CHECK(bench.runner->status().state == "Connected");
    CHECK(bench.runner->status().lag == 7);
}

TEST_CASE("messages of one key run in order though many may run") {
    Bench bench;
    bench.start();
    bench.broker.send(30, "k");
    CHECK(bench.stored_is(30));
    CHECK(bench.function.most == 1);
    for (int i = 0; i < 30; ++i) CHECK(bench.function.calls[i] == std::to_string(i));
}

TEST_CASE("a message that always fails goes to the error topic; the others are done") {
    Bench bench;
    bench.names.spec.error_topic = "failed";
    bench.names.spec.max_retries = 2;
    bench.function.script = [](const Delivery& d) { return d.body == "4" ? 500 : 204; };
    bench.start();
    bench.broker.send(10);
    CHECK(bench.stored_is(10));
    CHECK(bench.function.count() == 12);
    std::lock_guard lock(bench.broker.mutex);
    REQUIRE(bench.broker.published.size() == 1);
    CHECK(bench.broker.published[0].value == "4");
    CHECK(bench.broker.published[0].topic == "failed");
    CHECK(bench.runner->status().failed == 1);
    CHECK(bench.runner->status().retried == 2);
    CHECK(bench.runner->status().last_error == "the function answered 500");
}

TEST_CASE("an error topic that is away holds the position, tells why, and loses nothing") {
    Bench bench;
    bench.names.spec.error_topic = "failed";
    bench.broker.faults["failed"] = {false, "it is down"};
    bench.function.script = [](const Delivery& d) { return d.body == "0" ? 500 : 200; };
    bench.start();
    bench.broker.send(3);
    REQUIRE(bench.state_is("PublishFailing"));
    CHECK(bench.runner->status().message.find("failed takes no message: it is down") !=
          std::string::npos);
    CHECK(bench.broker.with([](auto& b) { return b.stored.empty(); }));
    bench.broker.with([](auto& b) { return b.faults.erase("failed"); });
    CHECK(bench.stored_is(3));
    CHECK(bench.state_is("Connected"));
    CHECK(bench.broker.with([](auto& b) { return b.published.size(); }) == 1);
}

TEST_CASE("an answer is published, and one that is never taken is a failure") {
    Bench bench;
    bench.names.spec.resp_topic = "done";
    bench.names.spec.error_topic = "failed";
    bench.start();
    bench.broker.send(1);
    CHECK(bench.stored_is(1));
    bench.broker.with([](auto& b) { return b.faults["done"] = {true, "too large"}; });
    bench.broker.send(1);
    CHECK(bench.stored_is(2));
    std::lock_guard lock(bench.broker.mutex);
    REQUIRE(bench.broker.published.size() == 2);
    CHECK(bench.broker.published[0].value == "re:0");
    CHECK(bench.broker.published[1].topic == "failed");
    CHECK(bench.broker.published[1].value == "1");
}

TEST_CASE("a platform that cannot call is waited for, without counting") {
    Bench bench;
    std::atomic<bool> away = true;
    bench.function.script = [&](const Delivery&) { return away ? 503 : 200; };
    bench.start();
    bench.broker.send(1);
    REQUIRE(bench.state_is("FunctionUnavailable"));
    REQUIRE(bench.soon([&] { return bench.function.count() > 3; }));
    CHECK(bench.broker.with([](auto& b) { return b.stored.empty(); }));
    away = false;
    CHECK(bench.stored_is(1));
    CHECK(bench.runner->status().dropped == 0);
}

TEST_CASE("while the broker is away no call is started, because none could be stored") {
    Bench bench;
    bench.start();
    REQUIRE(bench.state_is("Connected"));
    bench.broker.with([](auto& b) { b.state = {"Disconnected", "gone", false, false}; });
    bench.broker.send(3);
    REQUIRE(bench.state_is("Disconnected"));
    std::this_thread::sleep_for(50ms);
    CHECK(bench.function.count() == 0);
    bench.broker.with([](auto& b) {
        b.state = {"Connected", "", true, false};
        b.wake();
    });
    CHECK(bench.stored_is(3));
}

TEST_CASE("revoked partitions are drained, what came to its end is stored, the rest is left") {
    Bench bench;
    bench.names.spec.concurrency = 2;
    bench.function.busy = true;
    bench.start();
    bench.broker.send(5);
    REQUIRE(bench.soon([&] { return bench.function.count() == 2; }));
    bench.broker.with([](auto& b) { b.revoke = true; });
    bench.broker.wake();
    std::this_thread::sleep_for(100ms);
    CHECK(bench.broker.with([](auto& b) { return b.stored.empty(); }));
    bench.function.busy = false;
    CHECK(bench.stored_is(2));
    std::this_thread::sleep_for(50ms);
    CHECK(bench.function.count() == 2);
}

TEST_CASE("a trigger that ends waits for what runs and leaves") {
    Bench bench;
    bench.function.busy = true;
    bench.start();
    bench.broker.send(1);
    REQUIRE(bench.soon([&] { return bench.function.count() == 1; }));
    bench.runner->begin_stop();
    std::this_thread::sleep_for(50ms);
    CHECK_FALSE(bench.runner->stopped());
    bench.function.busy = false;
    CHECK(bench.soon([&] { return bench.runner->stopped(); }));
    CHECK(bench.broker.with([](auto& b) { return b.stored[0]; }) == 1);
    CHECK(bench.broker.with([](auto& b) { return b.closed; }) == 1);
    CHECK(bench.runner->status().state == "Stopped");
}

TEST_CASE("a broker that cannot be had is tried again after pauses, and the state says why") {
    Bench bench;
    const auto row = GENERATE(table<Errc, std::string>({
        {Errc::unavailable, "Disconnected"},
        {Errc::unauthenticated, "AuthenticationFailed"},
        {Errc::invalid_argument, "NotConfigured"},
        {Errc::not_found, "TopicUnavailable"},
    }));
    bench.broker.refuse = Error(std::get<0>(row), "because");
    bench.start();
    REQUIRE(bench.state_is(std::get<1>(row)));
    CHECK(bench.runner->status().message == "because");
    CHECK_FALSE(bench.runner->status().connected);
    std::this_thread::sleep_for(200ms);
    CHECK(bench.broker.with([](auto& b) { return b.opened; }) < 15);
    bench.broker.with([](auto& b) { b.refuse.reset(); });
    CHECK(bench.state_is("Connected"));
}

TEST_CASE("a link that cannot go on is made anew, with the Secret read again") {
    Bench bench;
    bench.names.spec.secret = "login";
    bench.start();
    REQUIRE(bench.state_is("SecretMissing"));
    bench.secrets = {{"username", "u"}};
    bench.runner->reconnect();
    REQUIRE(bench.state_is("Connected"));
    CHECK(bench.broker.with([&](auto&) { return bench.credentials["username"]; }) == "u");
    bench.broker.with([](auto& b) {
        b.state = {"AuthenticationFailed", "no", false, true};
        b.wake();
    });
    REQUIRE(bench.state_is("AuthenticationFailed"));
    bench.broker.with([](auto& b) { b.state = {"Connected", "", true, false}; });
    CHECK(bench.state_is("Connected"));
    CHECK(bench.broker.with([](auto& b) { return b.opened; }) >= 2);
}

TEST_CASE("a partition with more than it may hold is not read until it is half empty") {
    Bench bench;
    bench.names.spec.concurrency = 1;
    bench.function.busy = true;
    bench.start();
    bench.broker.send(500);
    REQUIRE(
        bench.soon([&] { return bench.broker.with([](auto& b) { return !b.pauses.empty(); }); }));
    CHECK(bench.runner->status().held >= 64);
    bench.function.busy = false;
    CHECK(bench.stored_is(500));
    CHECK_FALSE(bench.broker.with([](auto& b) { return b.pauses.back(); }));
}
