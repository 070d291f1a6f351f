#include "app/leadership.hpp"

#include <atomic>
#include <thread>

#include "support/catch.hpp"

namespace hearth {
namespace {

/// A lease that the test hands out.
struct FakeLease final : kube::LeaderLease {
    void start(Listener l) override { listener = std::move(l); }
    bool held() const override { return has; }
    void release(Deadline) override { released = true; }
    void give() {
        has = true;
        listener.acquired();
    }
    Listener listener;
    std::atomic<bool> has{false}, released{false};
};

struct Bench {
    Bench() : log(telemetry::Level::error, telemetry::Logger::Format::text) {
        auto made = std::make_unique<FakeLease>();
        lease = made.get();
        app::Leadership::Hooks hooks;
        hooks.take_over = [this]() -> Result<void> {
            ++tries;
            if (tries <= failures) return Error(Errc::conflict, "the data is in use");
            return {};
        };
        hooks.leader = [this](std::optional<std::string> host) { leader = host; };
        hooks.fence = [this](bool on) { fenced = on; };
        hooks.replaced = [this] { replaced = true; };
        leadership =
            std::make_unique<app::Leadership>(std::move(made), "a@10.0.0.1", std::move(hooks), log);
        leadership->start();
    }
    bool leads_soon() const {
        const auto until = Deadline::after(std::chrono::seconds(10));
        while (!leadership->leads() && !until.passed())
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return leadership->leads();
    }

    telemetry::Logger log;
    std::atomic<int> tries{0};
    int failures = 0;
    std::optional<std::string> leader;
    std::atomic<bool> fenced{false}, replaced{false};
    FakeLease* lease = nullptr;
    std::unique_ptr<app::Leadership> leadership;
};

}  // namespace

TEST_CASE("a replica takes over when it has the lease, again when the data is still in use") {
    Bench bench;
    bench.failures = 2;
    CHECK_FALSE(bench.leadership->leads());
    bench.lease->give();
    CHECK(bench.leads_soon());
    CHECK(bench.tries == 3);
    bench.leadership->release(Deadline::after(std::chrono::seconds(1)));
    CHECK(bench.lease->released);
}

TEST_CASE("who leads is read from the lease's holder") {
    Bench bench;
    bench.lease->listener.holder("b@10.0.0.2");
    CHECK(bench.leader == "10.0.0.2");
    bench.lease->listener.holder("");
    CHECK(bench.leader == std::nullopt);
    bench.lease->listener.holder("a@10.0.0.1");
    CHECK(bench.leader == std::nullopt);
    CHECK(app::Leadership::host_of("nothing-to-read") == std::nullopt);
    CHECK(app::Leadership::host_of(app::Leadership::identity_of("pod", "fd00::1")) == "fd00::1");
}

TEST_CASE("a leader that cannot renew goes on serving and ends only when another has taken over") {
    Bench bench;
    bench.lease->give();
    REQUIRE(bench.leads_soon());
    bench.lease->listener.lost();
    CHECK(bench.fenced);
    bench.lease->listener.holder("");
    CHECK_FALSE(bench.replaced);
    CHECK(bench.leadership->leads());
    bench.lease->give();
    CHECK_FALSE(bench.fenced);
    CHECK(bench.tries == 1);
    bench.lease->listener.lost();
    bench.lease->listener.holder("b@10.0.0.2");
    CHECK(bench.replaced);
}

TEST_CASE("a replica that ends while it cannot take over does end") {
    Bench bench;
    bench.failures = 1'000'000;
    bench.lease->give();
    const auto until = Deadline::after(std::chrono::seconds(10));
    while (bench.tries == 0 && !until.passed())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(bench.tries > 0);
    bench.leadership->release(Deadline::after(std::chrono::seconds(1)));
    CHECK_FALSE(bench.leadership->leads());
    CHECK(bench.lease->released);
}

}  // namespace hearth
