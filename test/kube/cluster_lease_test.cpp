// Against a real API server: see cluster_calls_test.cpp.
#include <unistd.h>

#include <atomic>

#include "hearth/kube/leader_lease.hpp"
#include "support/catch.hpp"
#include "support/kube_cluster.hpp"
#include "support/kube_fixture.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using test::KubeFixture;
using test::soon;

namespace {

using Steady = std::chrono::steady_clock;

/// One contender as a process of its own would be: with its own event loop and client.
struct Contender {
    Contender(const test::KubeCluster& cluster, const std::string& name,
              kube::LeaderLeaseOptions options)
        : client(fixture.connect(cluster.access())) {
        options.identity = name;
        lease = kube::LeaderLease::make(client, options, fixture.shards, clock, fixture.log,
                                        &fixture.metrics);
        kube::LeaderLease::Listener listener;
        listener.acquired = [this] { ++acquired; };
        listener.lost = [this] {
            if (lease->held()) ++held_when_lost;
            ++lost;
        };
        lease->start(std::move(listener));
    }
    ~Contender() { lease.reset(); }
    bool holds_within(std::chrono::milliseconds limit) const {
        const auto until = Steady::now() + limit;
        while (!lease->held()) {
            if (Steady::now() > until) return false;
            std::this_thread::sleep_for(5ms);
        }
        return true;
    }

    kube::BootClock clock;
    std::atomic<int> acquired{0}, lost{0}, held_when_lost{0};
    KubeFixture fixture;
    kube::Client& client;
    std::unique_ptr<kube::LeaderLease> lease;
};

kube::LeaderLeaseOptions lease_named(const std::string& name) {
    kube::LeaderLeaseOptions options;
    options.ns = "default";
    options.name = "kube-test-" + std::to_string(::getpid()) + "-" + name;
    return options;
}

}  // namespace

TEST_CASE("cluster: a lease is taken over within 17 s of its holder's death", "[.][cluster]") {
    test::KubeCluster cluster;
    const auto options = lease_named("death");
    auto first = std::make_unique<Contender>(cluster, "first", options);
    REQUIRE(first->holds_within(5s));
    Contender second(cluster, "second", options);
    std::this_thread::sleep_for(5s);
    CHECK_FALSE(second.lease->held());
    CHECK(first->lease->held());
    // Ends without giving the lease back, as a killed process does.
    first.reset();
    const auto death = Steady::now();
    CHECK(second.holds_within(17s));
    const auto took = Steady::now() - death;
    WARN("taken over after " << std::chrono::duration<double>(took).count() << " s");
    CHECK(took > 10s);
    const auto object =
        second.fixture.run(second.client.get(kube::kLeases, options.ns, options.name, soon()));
    REQUIRE(object);
    CHECK(object->at("spec").at("holderIdentity") == "second");
    CHECK(object->at("spec").at("leaseTransitions") == 1);
    second.lease->release(soon());
}

TEST_CASE("cluster: a lease that is given back is taken within 3 s", "[.][cluster]") {
    test::KubeCluster cluster;
    const auto options = lease_named("release");
    Contender first(cluster, "first", options);
    REQUIRE(first.holds_within(5s));
    Contender second(cluster, "second", options);
    std::this_thread::sleep_for(1s);
    const auto began = Steady::now();
    first.lease->release(soon());
    CHECK_FALSE(first.lease->held());
    CHECK(second.holds_within(3s));
    WARN("taken over after " << std::chrono::duration<double>(Steady::now() - began).count()
                             << " s");
    second.lease->release(soon());
}

TEST_CASE("cluster: never two at a time, while the API server is killed and frozen",
          "[.][cluster]") {
    test::KubeCluster cluster;
    auto options = lease_named("chaos");
    options.duration = 3s;
    options.renew = 2s;
    options.retry = 400ms;
    Contender a(cluster, "a", options), b(cluster, "b", options), c(cluster, "c", options);
    const Contender* all[] = {&a, &b, &c};
    std::atomic<bool> on{true};
    std::atomic<int> doubles{0}, looks{0};
    std::thread watcher([&] {
        while (on) {
            int holders = 0;
            for (const auto* one : all) holders += one->lease->held() ? 1 : 0;
            if (holders > 1) ++doubles;
            ++looks;
            std::this_thread::sleep_for(1ms);
        }
    });
    const auto somebody = [&](std::chrono::seconds limit) {
        const auto until = Steady::now() + limit;
        while (Steady::now() < until) {
            for (const auto* one : all)
                if (one->lease->held()) return true;
            std::this_thread::sleep_for(10ms);
        }
        return false;
    };
    const auto nobody = [&] {
        for (const auto* one : all)
            if (one->lease->held()) return false;
        return true;
    };
    CHECK(somebody(10s));
    cluster.kill_server();
    std::this_thread::sleep_for(2200ms);
    CHECK(nobody());
    cluster.start();
    cluster.await();
    CHECK(somebody(10s));
    cluster.freeze();
    std::this_thread::sleep_for(2200ms);
    CHECK(nobody());
    std::this_thread::sleep_for(3s);
    cluster.thaw();
    CHECK(somebody(15s));
    on = false;
    watcher.join();
    CHECK(doubles == 0);
    CHECK(looks > 1000);
    CHECK(a.lost + b.lost + c.lost >= 2);
    CHECK(a.held_when_lost + b.held_when_lost + c.held_when_lost == 0);
    for (auto* one : {&a, &b, &c}) one->lease->release(soon());
}
