#include "hearth/trigger/kube_watches.hpp"

#include <boost/json.hpp>

#include <thread>

#include "catalog/mutations.hpp"
#include "support/catch.hpp"
#include "support/kube_fixture.hpp"
#include "support/kube_objects.hpp"
#include "support/kube_server.hpp"
#include "support/run_task.hpp"
#include "trigger/fake_deliverer.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using test::KubeRequest;
using test::KubeServer;
using Reply = test::KubeReply;
using Words = std::vector<std::string>;
namespace json = boost::json;

namespace {

/// An API server with pods: what lists say, and what the next watches say.
struct Script {
    using Answer = std::function<void(const KubeRequest&, Reply&)>;

    void operator()(const KubeRequest& request, Reply& reply) {
        if (request.path() == "/api/v1") {
            return reply.json(200, R"({"kind":"APIResourceList","groupVersion":"v1","resources":[
                {"name":"pods","kind":"Pod","namespaced":true,"verbs":["list","watch"]},
                {"name":"nodes","kind":"Node","namespaced":false,"verbs":["list","watch"]}]})");
        }
        if (request.path() == "/version") return reply.json(200, R"({"gitVersion":"v1.34.1"})");
        Answer answer;
        {
            std::lock_guard lock(mutex);
            if (!request.has("watch=true")) {
                answer = list;
            } else if (watches.empty()) {
                answer = [](const KubeRequest&, Reply& r) {
                    r.begin_stream();
                    r.hold();
                };
            } else {
                answer = watches.front();
                watches.erase(watches.begin());
            }
        }
        answer(request, reply);
    }
    void lists(std::string items, std::string version) {
        std::lock_guard lock(mutex);
        list = [=](const KubeRequest&, Reply& reply) {
            reply.json(200, test::list_text(items, version));
        };
    }
    void then(std::vector<std::pair<std::string, std::string>> events) {
        std::lock_guard lock(mutex);
        watches.push_back([=](const KubeRequest&, Reply& reply) {
            reply.begin_stream();
            for (const auto& [type, object] : events) reply.event(type, object);
            reply.hold();
        });
    }

    std::mutex mutex;
    Answer list;
    std::vector<Answer> watches;
};

struct Rig {
    explicit Rig(Script& script) : server([&](const auto& q, auto& r) { script(q, r); }) {}
    ~Rig() { end(); }

    void begin(trigger::KubeWatchOptions options = {}) {
        if (options.no_client.empty()) options.client = &fixture.connect(server.access());
        watches = trigger::KubeWatches::make(std::move(options), *catalog, *ledger, deliverer,
                                             fixture.shards, fixture.pool, clock, fixture.log,
                                             fixture.metrics);
        watches->start();
    }
    void end() {
        if (watches) watches->stop(Deadline::after(5s));
        watches.reset();
    }
    void put(const std::string& spec) {
        const auto kind = model::Kind::kubernetes_watch_trigger;
        REQUIRE(test::write(*catalog, {test::put("w", spec, "ns", kind)}).has_value());
    }
    json::object status() {
        const auto record = catalog->find(model::Kind::kubernetes_watch_trigger, "ns", "w");
        REQUIRE(record);
        return watches->status(*record->load());
    }
    /// Until the first condition has the reason; its message.
    std::string message_of(const std::string& reason) {
        for (int i = 0; i < 200; ++i) {
            const auto now = status();
            const auto& condition = now.at("conditions").at(0).as_object();
            if (condition.at("reason") == json::string_view(reason)) {
                const auto* message = condition.if_contains("message");
                return message ? std::string(message->as_string()) : "";
            }
            std::this_thread::sleep_for(50ms);
        }
        FAIL("no condition became " + reason + ": " + json::serialize(status()));
        return {};
    }
    /// "ADDED ns/a@1" of each delivery.
    Words told() const {
        Words words;
        for (const auto& delivery : deliverer.all()) {
            const auto object = json::parse(delivery.body).as_object();
            words.push_back(
                std::string(delivery.headers.find("X-Kubernetes-Event-Type").value_or("?")) + " " +
                kube::object_key(object) + "@" + kube::metadata_text(object, "resourceVersion"));
        }
        return words;
    }
    /// What the ledger has is what was told.
    void settle() { std::this_thread::sleep_for(150ms); }
    std::size_t requests_with(std::string_view text) const {
        std::size_t count = 0;
        for (const auto& request : server.requests())
            count += request.target.find(text) == std::string::npos ? 0 : 1;
        return count;
    }

    base::SystemClock clock;
    KubeServer server;
    test::KubeFixture fixture;
    std::unique_ptr<catalog::Catalog> catalog = catalog::make_memory_catalog();
    std::unique_ptr<catalog::TriggerLedger> ledger = catalog::make_memory_ledger();
    test::FakeDeliverer deliverer;
    std::unique_ptr<trigger::KubeWatches> watches;
};

constexpr auto kPods = R"({"type":"POD","labelselector":{"app":"x"},"functionref":{"name":"f"}})";

}  // namespace

TEST_CASE("kubernetes watches: what is there and what changes calls the function", "[trigger]") {
    Script script;
    script.lists(test::pod_text("a", "1"), "10");
    script.then({{"MODIFIED", test::pod_text("a", "11")},
                 {"ADDED", test::pod_text("b", "12")},
                 {"DELETED", test::pod_text("a", "13")}});
    Rig rig(script);
    rig.put(kPods);
    rig.begin();
    REQUIRE(rig.deliverer.wait_for_count(4));
    CHECK(rig.told() ==
          Words{"ADDED ns/a@1", "MODIFIED ns/a@11", "ADDED ns/b@12", "DELETED ns/a@13"});
    const auto call = rig.deliverer.all().at(1);
    CHECK(call.function == "f");
    CHECK(call.headers.find("X-Kubernetes-Object-Type") == "Pod");
    CHECK(call.headers.find("Content-Type") == "application/json");
    CHECK(call.event.type == "hearth.kubernetes.modified");
    CHECK(call.event.subject == "ns/a");
    CHECK(rig.requests_with("labelSelector=app%3Dx") >= 2);
    CHECK(rig.requests_with("/namespaces/ns/pods") >= 2);
    rig.settle();
    const auto status = rig.status();
    CHECK(status.at("delivered") == 4);
    CHECK(status.at("resourceVersion") == "13");
    CHECK(status.at("conditions").at(0).at("reason") == "Subscribed");
    CHECK(status.at("conditions").at(1).at("reason") == "FunctionNotFound");
}

TEST_CASE("kubernetes watches: a restart goes on from what was delivered", "[trigger]") {
    Script script;
    script.lists(test::pod_text("a", "1"), "10");
    script.then({{"ADDED", test::pod_text("b", "11")}});
    Rig rig(script);
    rig.put(kPods);
    rig.begin();
    REQUIRE(rig.deliverer.wait_for_count(2));
    rig.settle();
    rig.end();
    SECTION("by a watch") {
        script.then({{"MODIFIED", test::pod_text("b", "20")}});
        rig.begin();
        REQUIRE(rig.deliverer.wait_for_count(3));
        CHECK(rig.told().back() == "MODIFIED ns/b@20");
        CHECK(rig.requests_with("resourceVersion=11") == 1);
        CHECK(rig.status().at("relists") == 0);
    }
    SECTION("by a list, when the server has forgotten, and says so") {
        {
            std::lock_guard lock(script.mutex);
            script.watches.push_back([](const KubeRequest&, Reply& reply) {
                reply.status(410, "Expired", "too old resource version: 11 (500)");
            });
        }
        script.lists(test::pod_text("a", "30") + "," + test::pod_text("c", "31"), "500");
        rig.begin();
        REQUIRE(rig.deliverer.wait_for_count(5));
        CHECK(rig.told() == Words{"ADDED ns/a@1", "ADDED ns/b@11", "DELETED ns/b@11",
                                  "MODIFIED ns/a@30", "ADDED ns/c@31"});
        CHECK(rig.deliverer.all().at(2).headers.find("X-Hearth-Relisted") == "true");
        rig.settle();
        CHECK(rig.status().at("relists") == 1);
        CHECK(rig.status().contains("lastRelist"));
    }
}

TEST_CASE("kubernetes watches: a call that fails is made again, then given up", "[trigger]") {
    Script script;
    script.lists(test::pod_text("a", "1"), "10");
    script.then({{"ADDED", test::pod_text("b", "11")}});
    Rig rig(script);
    rig.deliverer.status_of = [](const trigger::Delivery& delivery, std::size_t) {
        if (delivery.event.subject == "ns/b") return 400;
        return delivery.attempt < 3 ? 503 : 200;
    };
    rig.put(R"({"type":"POD","maxRetries":2,"functionref":{"name":"f"}})");
    rig.begin();
    REQUIRE(rig.deliverer.wait_for_count(4));
    CHECK(rig.deliverer.all().at(2).attempt == 3);
    rig.settle();
    const auto status = rig.status();
    CHECK(status.at("delivered") == 1);
    CHECK(status.at("givenUp") == 1);
    CHECK(status.at("lastError") == "the function answered 400");
}

TEST_CASE("kubernetes watches: more events than the queue holds, none lost", "[trigger]") {
    Script script;
    std::string items;
    const std::size_t many = 2500;
    for (std::size_t i = 0; i < many; ++i)
        items +=
            (i == 0 ? "" : ",") + test::pod_text("p" + std::to_string(i), std::to_string(i + 1));
    script.lists(items, "9000");
    Rig rig(script);
    rig.put(R"({"type":"v1/Pod","functionref":{"name":"f"}})");
    rig.begin();
    REQUIRE(rig.deliverer.wait_for_count(many));
    rig.settle();
    const auto told = rig.told();
    CHECK(std::set<std::string>(told.begin(), told.end()).size() == many);
    CHECK(told.size() == many);
}

TEST_CASE("kubernetes watches: why one does not watch is said", "[trigger]") {
    Script script;
    script.lists("", "10");
    Rig rig(script);
    SECTION("no cluster") {
        rig.put(kPods);
        trigger::KubeWatchOptions options;
        options.no_client = "this server has no cluster to watch";
        rig.begin(options);
        CHECK(rig.message_of("NoCluster") == "this server has no cluster to watch");
    }
    SECTION("a namespace of others") {
        rig.put(R"({"type":"POD","namespace":"kube-system","functionref":{"name":"f"}})");
        rig.begin();
        CHECK_THAT(rig.message_of("Forbidden"), Catch::Contains("kubernetes.watchNamespaces"));
    }
    SECTION("a namespace that is allowed, and one's own that has another name") {
        rig.put(R"({"type":"POD","namespace":"kube-system","functionref":{"name":"f"}})");
        trigger::KubeWatchOptions options;
        options.namespaces = {"kube-system"};
        options.fixed_namespace = "home";
        rig.begin(options);
        rig.message_of("Subscribed");
        CHECK(rig.requests_with("/namespaces/kube-system/pods") >= 1);
        rig.put(R"({"type":"POD","functionref":{"name":"f"}})");
        REQUIRE(rig.server.wait_for_requests(5));
        CHECK(rig.requests_with("/namespaces/home/pods") >= 1);
    }
    SECTION("a kind without namespaces") {
        rig.put(R"({"type":"v1/Node","functionref":{"name":"f"}})");
        rig.begin();
        CHECK_THAT(rig.message_of("StartFailed"), Catch::Contains("set spec.allNamespaces"));
    }
    SECTION("a kind the server does not have") {
        rig.put(R"({"type":"v1/Toaster","functionref":{"name":"f"}})");
        rig.begin();
        CHECK_THAT(rig.message_of("StartFailed"), Catch::Contains("no kind Toaster"));
    }
    SECTION("no rights") {
        {
            std::lock_guard lock(script.mutex);
            script.list = [](const KubeRequest&, Reply& reply) {
                reply.status(403, "Forbidden", "pods is forbidden: cannot list");
            };
        }
        rig.put(kPods);
        rig.begin();
        rig.message_of("Connecting");
        for (int i = 0; i < 100 && rig.status().if_contains("lastError") == nullptr; ++i)
            std::this_thread::sleep_for(50ms);
        CHECK_THAT(std::string(rig.status().at("lastError").as_string()),
                   Catch::Contains("pods is forbidden"));
    }
}
