// Against a real API server that is killed, frozen and cut off: see cluster_calls_test.cpp.
#include <unistd.h>

#include "hearth/kube/informer.hpp"
#include "support/catch.hpp"
#include "support/kube_cluster.hpp"
#include "support/kube_fixture.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using test::KubeFixture;
using test::soon;
namespace json = boost::json;

namespace {

using Steady = std::chrono::steady_clock;
const kube::ResourceType kMaps = kube::kConfigMaps;

/// An informer of one label's config maps in the namespace default.
struct Rig {
    Rig()
        : client(fixture.connect(cluster.access())),
          label("run-" + std::to_string(::getpid()) + "-" + std::to_string(++counter())) {
        kube::InformerOptions options;
        options.type = kMaps;
        options.ns = "default";
        options.label_selector = "kube-test=" + label;
        informer = kube::Informer::make(client, options, fixture.shards, clock, fixture.log,
                                        fixture.metrics);
        informer->start(notices.handler());
        REQUIRE(notices.wait_for("synced"));
        REQUIRE(becomes(true, 10s));
    }
    ~Rig() {
        informer->stop();
        kube::ListOptions mine;
        mine.label_selector = "kube-test=" + label;
        [[maybe_unused]] auto gone =
            fixture.run(client.remove_all(kMaps, "default", mine, {}, soon(60)));
    }
    static int& counter() {
        static int count = 0;
        return count;
    }

    void make(const std::string& name) {
        json::object metadata{{"name", label + "-" + name},
                              {"labels", json::object{{"kube-test", label}}}};
        json::object object{{"metadata", metadata}};
        auto made = fixture.run(client.create(kMaps, "default", std::move(object), soon()));
        if (!made) throw std::runtime_error(made.error().message);
    }
    void change(const std::string& name) {
        json::object patch{{"data", json::object{{"at", std::to_string(++counter())}}}};
        kube::PatchOptions plain;
        auto done =
            fixture.run(client.patch(kMaps, "default", label + "-" + name, patch, plain, soon()));
        if (!done) throw std::runtime_error(done.error().message);
    }
    void remove(const std::string& name) {
        auto done = fixture.run(client.remove(kMaps, "default", label + "-" + name, {}, soon()));
        if (!done) throw std::runtime_error(done.error().message);
    }
    /// Whether the informer comes to know exactly what a fresh list says.
    bool converges(std::chrono::seconds limit) {
        const auto until = Steady::now() + limit;
        kube::ListOptions mine;
        mine.label_selector = "kube-test=" + label;
        do {
            auto list = fixture.run(client.list(kMaps, "default", mine, soon()));
            if (list && equal(*list, *informer->snapshot())) return true;
            std::this_thread::sleep_for(50ms);
        } while (Steady::now() < until);
        return false;
    }
    static bool equal(const kube::ObjectList& list,
                      const std::map<std::string, kube::ObjectPtr>& known) {
        if (list.items.size() != known.size()) return false;
        for (const auto& item : list.items) {
            const auto found = known.find(kube::object_key(item));
            if (found == known.end() || *found->second != item) return false;
        }
        return true;
    }
    bool becomes(bool connected, std::chrono::milliseconds limit) {
        const auto until = Steady::now() + limit;
        while (informer->connected() != connected) {
            if (Steady::now() > until) return false;
            std::this_thread::sleep_for(20ms);
        }
        return true;
    }
    double metric(const std::string& series) {
        const auto text = fixture.metrics.text();
        const auto at = text.find(series + " ");
        return at == std::string::npos ? 0 : std::stod(text.substr(at + series.size() + 1));
    }
    double lists() {
        return metric("hearth_kubernetes_informer_lists_total{informer=\"configmaps\"}");
    }

    test::KubeCluster cluster;
    KubeFixture fixture;
    kube::Client& client;
    std::string label;
    base::SystemClock clock;
    test::KubeNotices notices;
    std::unique_ptr<kube::Informer> informer;
};

}  // namespace

TEST_CASE("cluster: an informer follows what happens", "[.][cluster]") {
    Rig rig;
    for (int i = 0; i < 20; ++i) rig.make("m" + std::to_string(i));
    for (int i = 0; i < 20; i += 2) rig.change("m" + std::to_string(i));
    for (int i = 0; i < 20; i += 3) rig.remove("m" + std::to_string(i));
    CHECK(rig.converges(10s));
    CHECK(rig.informer->snapshot()->size() == 13);
    CHECK(rig.lists() == 1);
    REQUIRE(rig.notices.wait_for_count(1 + 20 + 10 + 7));
}

TEST_CASE("cluster: the API server is killed while objects come and go, again and again",
          "[.][cluster]") {
    Rig rig;
    for (int i = 0; i < 6; ++i) rig.make("m" + std::to_string(i));
    REQUIRE(rig.converges(10s));
    for (int round = 0; round < 4; ++round) {
        const auto n = std::to_string(round);
        rig.cluster.kill_server();
        CHECK(rig.becomes(false, 2s));
        // What is known stays known.
        CHECK(rig.informer->snapshot()->size() == 6);
        rig.cluster.start();
        rig.cluster.await();
        // Gone, and there again as another object, before the informer is back.
        rig.remove("m" + n);
        rig.make("m" + n);
        rig.change("m5");
        CHECK(rig.converges(30s));
    }
}

TEST_CASE("cluster: etcd has forgotten where the informer was", "[.][cluster]") {
    Rig rig;
    rig.make("stays");
    rig.make("goes");
    REQUIRE(rig.converges(10s));
    rig.cluster.kill_server();
    rig.cluster.erase("configmaps/default/" + rig.label + "-goes");
    rig.cluster.compact();
    rig.cluster.start();
    rig.cluster.await();
    const auto gone = "default/" + rig.label + "-goes@";
    CHECK(rig.converges(30s));
    CHECK(rig.lists() == 2);
    CHECK(rig.informer->snapshot()->size() == 1);
    // Nobody saw the deletion: it is told as one that a list lacked.
    CHECK_THAT(rig.notices.all().back(), Catch::StartsWith("deleted? " + gone));
    rig.make("comes");
    CHECK(rig.converges(10s));
}

TEST_CASE("cluster: an outage of forty seconds costs few requests", "[.][cluster]") {
    Rig rig;
    rig.make("a");
    REQUIRE(rig.converges(10s));
    rig.cluster.kill_server();
    std::this_thread::sleep_for(40s);
    CHECK(rig.informer->snapshot()->size() == 1);
    const std::string failures =
        "hearth_kubernetes_informer_failures_total{informer=\"configmaps\"}";
    CHECK(rig.metric(failures) >= 4);
    CHECK(rig.metric(failures) <= 9);
    rig.cluster.start();
    rig.cluster.await();
    rig.make("b");
    CHECK(rig.converges(30s));
}

TEST_CASE("cluster: a frozen API server is noticed within 45 seconds", "[.][cluster]") {
    Rig rig;
    rig.make("a");
    REQUIRE(rig.converges(10s));
    rig.cluster.freeze();
    const auto began = Steady::now();
    CHECK(rig.becomes(false, 45s));
    WARN("noticed after " << std::chrono::duration<double>(Steady::now() - began).count() << " s");
    rig.cluster.thaw();
    rig.make("b");
    CHECK(rig.converges(40s));
}

TEST_CASE("cluster: a path that swallows what is sent is noticed within 45 seconds",
          "[.][cluster]") {
    Rig rig;
    rig.make("a");
    REQUIRE(rig.converges(10s));
    // The watch's connection and the kept one go dead; new connections would work.
    const auto server = std::to_string(rig.cluster.access().port);
    std::string rules =
        "table inet hearth_kube_test {\nchain in {\ntype filter hook input priority 0;\n";
    for (const auto port : test::ports_connected_to(rig.cluster.access().port))
        rules += " tcp sport " + server + " tcp dport " + std::to_string(port) +
                 " drop\n tcp dport " + server + " tcp sport " + std::to_string(port) + " drop\n";
    rules += "}\n}\n";
    struct Table {
        ~Table() {
            [[maybe_unused]] const int rc = std::system("nft delete table inet hearth_kube_test");
        }
    } table;
    REQUIRE(std::system(("nft '" + rules + "'").c_str()) == 0);
    const auto began = Steady::now();
    CHECK(rig.becomes(false, 45s));
    WARN("noticed after " << std::chrono::duration<double>(Steady::now() - began).count() << " s");
    CHECK(rig.becomes(true, 10s));
    rig.make("b");
    CHECK(rig.converges(30s));
}
