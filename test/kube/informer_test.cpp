#include "hearth/kube/informer.hpp"

#include <atomic>

#include "support/catch.hpp"
#include "support/kube_fixture.hpp"
#include "support/kube_objects.hpp"
#include "support/kube_server.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using test::KubeFixture;
using test::KubeNotices;
using test::KubeRequest;
using test::KubeServer;
using Reply = test::KubeReply;
using Words = std::vector<std::string>;

namespace {

/// An API server whose answers to lists and watches are queued; the last ones stay.
struct Script {
    using Answer = std::function<void(const KubeRequest&, Reply&)>;

    void operator()(const KubeRequest& request, Reply& reply) {
        if (request.path() == "/version") return on_version(request, reply);
        Answer answer;
        {
            std::lock_guard lock(mutex);
            auto& queue = request.has("watch=true") ? watches : lists;
            answer = queue.front();
            if (queue.size() > 1) queue.erase(queue.begin());
        }
        answer(request, reply);
    }

    std::mutex mutex;
    std::vector<Answer> lists, watches;
    Answer on_version = [](const KubeRequest&, Reply& reply) {
        reply.json(200, R"({"gitVersion":"v1.34.1"})");
    };
};

Script::Answer list(std::string items, std::string version) {
    return
        [=](const KubeRequest&, Reply& reply) { reply.json(200, test::list_text(items, version)); };
}

/// Accepts the watch and says nothing more.
void silence(const KubeRequest&, Reply& reply) {
    reply.begin_stream();
    reply.hold();
}

kube::InformerOptions pods() {
    kube::InformerOptions options;
    options.type = kube::kPods;
    options.ns = "ns";
    options.label_selector = "app=x";
    options.backoff_first = 20ms;
    options.backoff_max = 100ms;
    return options;
}

struct Rig {
    explicit Rig(Script& script) : server([&](const auto& q, auto& r) { script(q, r); }) {}

    kube::Informer& inform(kube::InformerOptions options = pods()) {
        auto& client = fixture.connect(server.access());
        informer = kube::Informer::make(client, std::move(options), fixture.shards, clock,
                                        fixture.log, fixture.metrics);
        informer->start(notices.handler());
        return *informer;
    }
    ~Rig() {
        if (informer) informer->stop();
    }
    std::vector<KubeRequest> watches() const {
        std::vector<KubeRequest> found;
        for (auto& one : server.requests())
            if (one.has("watch=true")) found.push_back(one);
        return found;
    }

    base::SystemClock clock;
    KubeServer server;
    KubeFixture fixture;
    KubeNotices notices;
    std::unique_ptr<kube::Informer> informer;
};

}  // namespace

TEST_CASE("informer: lists, watches, and goes on from where a watch ended", "[kube]") {
    Script script;
    script.lists = {list(test::pod_text("a", "1"), "10")};
    script.watches = {[](const KubeRequest&, Reply& reply) {
                          reply.begin_stream();
                          reply.event("ADDED", test::pod_text("b", "11"));
                          reply.event("BOOKMARK", test::pod_text("", "15"));
                          reply.end_stream();
                      },
                      silence};
    Rig rig(script);
    auto& informer = rig.inform();
    REQUIRE(rig.notices.wait_for("added ns/b@11"));
    REQUIRE(rig.server.wait_for_requests(3));
    CHECK(rig.notices.all() == Words{"added ns/a@1", "synced", "added ns/b@11"});
    const auto watches = rig.watches();
    CHECK(watches.at(0).has("resourceVersion=10"));
    CHECK(watches.at(0).has("allowWatchBookmarks=true"));
    CHECK(watches.at(0).has("labelSelector=app%3Dx"));
    CHECK(watches.at(1).has("resourceVersion=15"));
    CHECK(informer.synced());
    CHECK(informer.snapshot()->size() == 2);
    CHECK(informer.find("ns/a") != nullptr);
    CHECK(informer.age() < 1h);
    CHECK_THAT(rig.fixture.metrics.text(),
               Catch::Contains("hearth_kubernetes_informer_objects{informer=\"pods\"} 2"));
}

TEST_CASE("informer: both forms of 410 lead to a new list", "[kube]") {
    const bool in_stream = GENERATE(false, true);
    Script script;
    script.lists = {list(test::pod_text("a", "1") + "," + test::pod_text("b", "2"), "10"),
                    list(test::pod_text("b", "3"), "20")};
    script.watches = {[=](const KubeRequest&, Reply& reply) {
                          const std::string message = "too old resource version: 10 (15)";
                          if (!in_stream) return reply.status(410, "Expired", message);
                          reply.begin_stream();
                          reply.event("ERROR", test::kube_status_text(410, "Expired", message));
                          reply.end_stream();
                      },
                      silence};
    Rig rig(script);
    rig.inform();
    REQUIRE(rig.notices.wait_for("modified ns/b@3"));
    CHECK(rig.notices.all() ==
          Words{"added ns/a@1", "added ns/b@2", "synced", "deleted? ns/a@1", "modified ns/b@3"});
    REQUIRE(rig.server.wait_for_requests(4));
    CHECK(rig.watches().at(1).has("resourceVersion=20"));
}

TEST_CASE("informer: a version from the future leads to a new list", "[kube]") {
    Script script;
    script.lists = {list(test::pod_text("a", "1"), "10"), list(test::pod_text("b", "1"), "5")};
    script.watches = {[](const KubeRequest&, Reply& reply) {
                          reply.status(504, "Timeout",
                                       "Too large resource version: 10, current: 5");
                      },
                      silence};
    Rig rig(script);
    rig.inform();
    REQUIRE(rig.notices.wait_for("added ns/b@1"));
}

TEST_CASE("informer: a list that fails is tried again", "[kube]") {
    Script script;
    script.lists = {[](const KubeRequest&, Reply& reply) {
                        reply.status(500, "InternalError", "etcd leader changed");
                    },
                    [](const KubeRequest&, Reply& reply) { reply.drop(); },
                    list(test::pod_text("a", "1"), "10")};
    script.watches = {silence};
    Rig rig(script);
    rig.inform();
    REQUIRE(rig.notices.wait_for("synced"));
}

TEST_CASE("informer: a watch that is cut goes on from its last event", "[kube]") {
    Script script;
    script.lists = {list("", "10")};
    script.watches = {[](const KubeRequest&, Reply& reply) {
                          reply.begin_stream();
                          reply.event("ADDED", test::pod_text("a", "11"));
                          reply.raw("5\r\n{\"typ");
                          reply.drop();
                      },
                      [](const KubeRequest&, Reply& reply) {
                          reply.begin_stream();
                          reply.event("DELETED", test::pod_text("a", "12"));
                          reply.hold();
                      }};
    Rig rig(script);
    rig.inform();
    REQUIRE(rig.notices.wait_for("deleted ns/a@12"));
    CHECK(rig.watches().at(1).has("resourceVersion=11"));
    CHECK(rig.server.requests().size() == 3);
}

TEST_CASE("informer: a server that has died without a word is noticed", "[kube]") {
    Script script;
    script.lists = {list("", "10")};
    script.watches = {silence, [](const KubeRequest&, Reply& reply) {
                          reply.begin_stream();
                          reply.event("ADDED", test::pod_text("a", "11"));
                          reply.hold();
                      }};
    auto options = pods();
    options.silence_probe = 100ms;
    options.probe_timeout = 100ms;
    SECTION("it answers nothing any more") {
        std::atomic<int> probes{0};
        script.on_version = [&](const KubeRequest&, Reply& reply) {
            if (probes++ == 0) return reply.hold();
            reply.json(200, "{}");
        };
        Rig rig(script);
        rig.inform(options);
        REQUIRE(rig.notices.wait_for("added ns/a@11"));
        CHECK(probes >= 1);
    }
    SECTION("it answers, but the watch tells nothing") {
        options.max_silence = 500ms;
        Rig rig(script);
        rig.inform(options);
        REQUIRE(rig.notices.wait_for("added ns/a@11"));
    }
    SECTION("a refusal is an answer too") {
        options.silence_probe = 20ms;
        options.probe_timeout = 20s;
        std::atomic<int> probes{0};
        script.on_version = [&](const KubeRequest&, Reply& reply) {
            ++probes;
            reply.status(403, "Forbidden", "no");
        };
        Rig rig(script);
        rig.inform(options);
        REQUIRE(rig.server.wait_for_requests(8));
        CHECK(rig.watches().size() == 1);
        CHECK(rig.informer->connected());
    }
}

TEST_CASE("informer: an object of one and a half megabytes", "[kube]") {
    const std::string large =
        R"({"metadata":{"name":"big","namespace":"ns","uid":"u","resourceVersion":"11"},"data":")" +
        std::string(1'500'000, 'x') + "\"}";
    Script script;
    script.lists = {list("", "10")};
    script.watches = {[&](const KubeRequest&, Reply& reply) {
        reply.begin_stream();
        const std::string line = "{\"type\":\"ADDED\",\"object\":" + large + "}\n";
        for (std::size_t at = 0; at < line.size(); at += 60'001)
            reply.chunk(line.substr(at, 60'001));
        reply.hold();
    }};
    Rig rig(script);
    rig.inform();
    REQUIRE(rig.notices.wait_for("added ns/big@11"));
    CHECK(rig.informer->find("ns/big")->at("data").as_string().size() == 1'500'000);
}

TEST_CASE("informer: once stopped it tells nothing more", "[kube]") {
    std::atomic<bool> go{false};
    Script script;
    script.lists = {list("", "10")};
    script.watches = {[&](const KubeRequest&, Reply& reply) {
        reply.begin_stream();
        while (!go) std::this_thread::yield();
        reply.event("ADDED", test::pod_text("a", "11"));
        reply.hold();
    }};
    Rig rig(script);
    auto& informer = rig.inform();
    REQUIRE(rig.server.wait_for_requests(2));
    informer.stop();
    go = true;
    CHECK(rig.notices.all() == Words{"synced"});
}
