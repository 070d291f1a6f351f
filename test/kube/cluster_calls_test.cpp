// Against a real API server: run with the tag [cluster] and KUBECONFIG; test/run cluster does.
#include <unistd.h>

#include "hearth/kube/client.hpp"
#include "support/catch.hpp"
#include "support/kube_cluster.hpp"
#include "support/kube_fixture.hpp"
#include "support/kube_objects.hpp"
#include "support/scratch_folder.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using test::KubeFixture;
using test::soon;
namespace json = boost::json;

namespace {

const kube::ResourceType kMaps = kube::kConfigMaps;

/// A namespace of its own, and a client for it.
struct Place {
    explicit Place(kube::ClientOptions options = {})
        : client(fixture.connect(cluster.access(), std::move(options))),
          ns("kube-test-" + std::to_string(::getpid()) + "-" + std::to_string(++counter())) {
        json::object object{{"metadata", json::object{{"name", ns}}}};
        auto made = fixture.run(client.create(kube::kNamespaces, "", std::move(object), soon()));
        if (!made) throw std::runtime_error(made.error().message);
    }
    ~Place() {
        [[maybe_unused]] auto gone =
            fixture.run(client.remove(kube::kNamespaces, "", ns, {}, soon()));
    }
    static int& counter() {
        static int count = 0;
        return count;
    }
    Result<json::object> make(const std::string& name, json::object labels = {}) {
        json::object object{{"metadata", json::object{{"name", name}, {"labels", labels}}}};
        return fixture.run(client.create(kMaps, ns, std::move(object), soon()));
    }

    test::KubeCluster cluster;
    KubeFixture fixture;
    kube::Client& client;
    std::string ns;
};

json::object data(const std::string& key, const std::string& value) {
    return json::object{{"data", json::object{{key, value}}}};
}

json::object deployment(const std::string& name, int replicas) {
    return json::parse(R"({"metadata":{"name":")" + name + R"("},"spec":{"replicas":)" +
                       std::to_string(replicas) +
                       R"(,"selector":{"matchLabels":{"app":"x"}},"template":{"metadata":
        {"labels":{"app":"x"}},"spec":{"containers":[{"name":"main","image":"a:1"}]}}}})")
        .as_object();
}

}  // namespace

TEST_CASE("cluster: create, read, replace, delete", "[.][cluster]") {
    Place place;
    auto& [cluster, fixture, client, ns] = place;
    const auto version = fixture.run(client.version(soon()));
    REQUIRE(version);
    CHECK(version->rfind("v1.", 0) == 0);

    const auto made = place.make("a");
    REQUIRE(made);
    CHECK(place.make("a").error().code == Errc::already_exists);
    const auto absent = fixture.run(client.get(kMaps, ns, "b", soon()));
    CHECK(absent.error().code == Errc::not_found);
    CHECK(absent.error().message == "configmaps \"b\" not found");
    CHECK(kube::reason_of(absent.error()) == "NotFound");
    auto again = fixture.run(client.update(kMaps, ns, "a", *made, soon()));
    REQUIRE(again);
    auto changed = *made;
    changed["data"] = json::object{{"k", "v"}};
    REQUIRE(fixture.run(client.update(kMaps, ns, "a", changed, soon())));
    CHECK(fixture.run(client.update(kMaps, ns, "a", *made, soon())).error().code == Errc::conflict);
    CHECK(fixture.run(client.create(kMaps, ns, {}, soon())).error().code == Errc::invalid_argument);

    kube::DeleteOptions of_another;
    of_another.uid = "00000000-0000-0000-0000-000000000000";
    CHECK(fixture.run(client.remove(kMaps, ns, "a", of_another, soon())).error().code ==
          Errc::conflict);
    kube::DeleteOptions of_this;
    of_this.uid = kube::metadata_text(*made, "uid");
    of_this.propagation = "Background";
    of_this.grace_seconds = 0;
    CHECK(fixture.run(client.remove(kMaps, ns, "a", of_this, soon())));
    CHECK(fixture.run(client.remove(kMaps, ns, "a", of_this, soon())).error().code ==
          Errc::not_found);
    kube::WriteOptions dry;
    dry.dry_run = true;
    json::object tried{{"metadata", json::object{{"name", "dry"}}}};
    CHECK(fixture.run(client.write(kMaps, ns, "", tried, dry, soon())));
    CHECK_FALSE(fixture.run(client.get(kMaps, ns, "dry", soon())));
}

TEST_CASE("cluster: the four kinds of patch", "[.][cluster]") {
    Place place;
    auto& [cluster, fixture, client, ns] = place;
    REQUIRE(fixture.run(client.create(kube::kDeployments, ns, deployment("d", 0), soon())));
    const auto patch = [&](json::value body, kube::PatchOptions::Type type,
                           const std::string& sub = {}) {
        kube::PatchOptions options;
        options.type = type;
        options.subresource = sub;
        return fixture.run(
            client.patch(kube::kDeployments, ns, "d", std::move(body), options, soon()));
    };
    using Type = kube::PatchOptions::Type;
    const auto containers = [](const json::object& object) {
        return object.at("spec").at("template").at("spec").at("containers").as_array();
    };
    const auto second = json::parse(
        R"({"spec":{"template":{"spec":{"containers":[{"name":"side","image":"b:1"}]}}}})");
    const auto merged = patch(second, Type::strategic);
    REQUIRE(merged);
    CHECK(containers(*merged).size() == 2);
    const auto replaced = patch(second, Type::merge);
    REQUIRE(replaced);
    CHECK(containers(*replaced).size() == 1);
    const auto edited = patch(
        json::parse(
            R"([{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"c:1"}])"),
        Type::json);
    REQUIRE(edited);
    CHECK(containers(*edited)[0].at("image") == "c:1");
    const auto scaled = patch(json::parse(R"({"spec":{"replicas":3}})"), Type::merge, "scale");
    REQUIRE(scaled);
    CHECK(scaled->at("kind") == "Scale");
    const auto status =
        patch(json::parse(R"({"status":{"observedGeneration":7}})"), Type::merge, "status");
    REQUIRE(status);
    CHECK(status->at("status").at("observedGeneration") == 7);
    const auto now = fixture.run(client.get(kube::kDeployments, ns, "d", soon()));
    REQUIRE(now);
    CHECK(now->at("spec").at("replicas") == 3);
    json::object bound{{"metadata", json::object{{"resourceVersion", "1"}}}};
    CHECK(patch(bound, Type::merge).error().code == Errc::conflict);
}

TEST_CASE("cluster: server-side apply by two managers", "[.][cluster]") {
    Place place;
    auto& [cluster, fixture, client, ns] = place;
    const auto apply = [&](json::object body, const std::string& manager, bool force) {
        kube::PatchOptions options;
        options.type = kube::PatchOptions::Type::apply;
        options.field_manager = manager;
        options.force = force;
        return fixture.run(client.patch(kMaps, ns, "a", std::move(body), options, soon()));
    };
    REQUIRE(apply(data("k", "one"), "first", false));
    const auto refused = apply(data("k", "two"), "second", false);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::conflict);
    CHECK_THAT(refused.error().message, Catch::Contains("conflict with \"first\": .data.k"));
    REQUIRE(apply(data("k", "two"), "second", true));
    REQUIRE(apply(data("other", "x"), "first", false));
    const auto both = fixture.run(client.get(kMaps, ns, "a", soon()));
    REQUIRE(both);
    CHECK(both->at("data").at("k") == "two");
    CHECK(both->at("data").at("other") == "x");
}

TEST_CASE("cluster: lists, pages, selectors, and deleting what they match", "[.][cluster]") {
    Place place;
    auto& [cluster, fixture, client, ns] = place;
    for (int i = 0; i < 7; ++i) {
        json::object labels{{"parity", i % 2 == 0 ? "even" : "odd"}};
        REQUIRE(place.make("m" + std::to_string(i), labels));
    }
    kube::ListOptions pages;
    pages.page = 2;
    pages.label_selector = "parity";
    const auto all = fixture.run(client.list(kMaps, ns, pages, soon()));
    REQUIRE(all);
    CHECK(all->items.size() == 7);
    CHECK(all->items[3].at("kind") == "ConfigMap");
    CHECK_FALSE(all->resource_version.empty());
    kube::ListOptions one;
    one.field_selector = "metadata.name=m3";
    CHECK(fixture.run(client.list(kMaps, "", one, soon()))->items.size() == 1);
    kube::ListOptions odd;
    odd.label_selector = "parity in (odd)";
    REQUIRE(fixture.run(client.remove_all(kMaps, ns, odd, {}, soon())));
    CHECK(fixture.run(client.list(kMaps, ns, pages, soon()))->items.size() == 4);
}

TEST_CASE("cluster: a continue token that etcd has forgotten", "[.][cluster]") {
    Place place;
    auto& [cluster, fixture, client, ns] = place;
    for (int i = 0; i < 3; ++i) REQUIRE(place.make("m" + std::to_string(i)));
    const auto target = kMaps.path(ns) + "?limit=1";
    const auto first = fixture.run(client.request("GET", target, nullptr, soon()));
    REQUIRE(first);
    const std::string next(first->at("metadata").at("continue").as_string());
    for (int i = 3; i < 6; ++i) REQUIRE(place.make("m" + std::to_string(i)));
    cluster.compact();
    // Since 1.31 pages may come from the watch cache, which forgets with its process only.
    cluster.restart();
    const auto late =
        fixture.run(client.request("GET", target + "&continue=" + next, nullptr, soon()));
    REQUIRE_FALSE(late);
    CHECK(kube::is_expired(late.error()));
}

TEST_CASE("cluster: what one may not do is told in the server's words", "[.][cluster]") {
    Place place;
    auto access = place.cluster.access();
    access.impersonate_user = "somebody";
    auto& other = place.fixture.connect(access);
    const auto refused = place.fixture.run(other.list(kMaps, place.ns, {}, soon()));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::forbidden);
    CHECK(refused.error().message ==
          "configmaps is forbidden: User \"somebody\" cannot list resource \"configmaps\" in API "
          "group "
          "\"\" in the namespace \"" +
              place.ns + "\"");
}

TEST_CASE("cluster: a service account's token, renewed in its file", "[.][cluster]") {
    Place place;
    auto& [cluster, fixture, client, ns] = place;
    json::object account{{"metadata", json::object{{"name", "robot"}}}};
    const kube::ResourceType accounts{"", "v1", "serviceaccounts", "ServiceAccount", true};
    REQUIRE(fixture.run(client.create(accounts, ns, account, soon())));
    const auto token = [&] {
        auto made = fixture.run(client.request("POST", accounts.path(ns, "robot", "token"),
                                               json::object{{"spec", json::object{}}}, soon()));
        if (!made) throw std::runtime_error(made.error().message);
        return std::string(made->at("status").at("token").as_string());
    };
    test::ScratchFolder folder;
    auto access = cluster.access();
    access.client_certificate_file.clear();
    access.client_key_file.clear();
    access.token_file = folder.write("token", "no-token");
    auto& robot = fixture.connect(access);
    json::object review{{"spec", json::object{}}};
    const kube::ResourceType reviews{"authentication.k8s.io", "v1", "selfsubjectreviews",
                                     "SelfSubjectReview", false};
    CHECK(fixture.run(robot.create(reviews, "", review, soon())).error().code ==
          Errc::unauthenticated);
    folder.write("token", token());
    const auto self = fixture.run(robot.create(reviews, "", review, soon()));
    REQUIRE(self);
    CHECK(self->at("status").at("userInfo").at("username").as_string() ==
          "system:serviceaccount:" + ns + ":robot");
}

TEST_CASE("cluster: discovery of kinds", "[.][cluster]") {
    Place place;
    auto& [cluster, fixture, client, ns] = place;
    CHECK(*fixture.run(client.discover("apps/v1", "Deployment", soon())) == kube::kDeployments);
    CHECK(*fixture.run(client.discover("", "Lease", soon())) == kube::kLeases);
    CHECK(fixture.run(client.discover("v1", "Node", soon()))->namespaced == false);
    CHECK(fixture.run(client.discover("autoscaling/v2", "HorizontalPodAutoscaler", soon())));
    CHECK(fixture.run(client.discover("autoscaling/v2beta2", "HorizontalPodAutoscaler", soon()))
              .error()
              .code == Errc::not_found);
}

TEST_CASE("cluster: many calls use few connections", "[.][cluster]") {
    Place place;
    auto& [cluster, fixture, client, ns] = place;
    REQUIRE(place.make("a"));
    for (int i = 0; i < 100; ++i) REQUIRE(fixture.run(client.get(kMaps, ns, "a", soon())));
    CHECK(test::ports_connected_to(cluster.access().port).size() <= 1);
}

TEST_CASE("cluster: a pod's log, as it is written", "[.][cluster][node]") {
    const char* prefix = std::getenv("HEARTH_IMAGE_PREFIX");
    const char* tag = std::getenv("HEARTH_IMAGE_TAG");
    REQUIRE(prefix != nullptr);
    Place place;
    auto& [cluster, fixture, client, ns] = place;
    const auto image = std::string(prefix) + "/python-env:" + (tag ? tag : "dev");
    auto pod = json::parse(R"({"metadata":{"name":"talker"},"spec":{"restartPolicy":"Never",
        "automountServiceAccountToken":false,"containers":[{"name":"main","image":")" +
                           image +
                           R"(","imagePullPolicy":"Never","command":["sh","-c",
        "echo one; echo two; sleep 1; echo three; echo four"]}]}})")
                   .as_object();
    Result<json::object> made = Error(Errc::internal, "");
    for (int i = 0; i < 100 && !made; ++i) {
        // The controller may not have made the namespace's service account yet.
        made = fixture.run(client.create(kube::kPods, ns, pod, soon()));
        if (!made) std::this_thread::sleep_for(100ms);
    }
    REQUIRE(made);
    std::string text;
    std::function<bool(std::string_view)> sink = [&](std::string_view bytes) {
        text.append(bytes);
        return true;
    };
    kube::LogOptions follow;
    follow.container = "main";
    follow.follow = true;
    Result<void> read = Error(Errc::internal, "");
    for (int i = 0; i < 300 && (!read || text.empty()); ++i) {
        // Refused, or empty, until the container has started.
        read = fixture.run(client.logs(ns, "talker", follow, sink, soon(60)));
        if (!read || text.empty()) std::this_thread::sleep_for(100ms);
    }
    REQUIRE(read);
    CHECK(text == "one\ntwo\nthree\nfour\n");
    kube::LogOptions tail;
    tail.tail_lines = 1;
    tail.timestamps = true;
    text.clear();
    REQUIRE(fixture.run(client.logs(ns, "talker", tail, sink, soon())));
    CHECK_THAT(text, Catch::EndsWith("Z four\n"));
    const auto wrong = fixture.run(client.logs(
        ns, "talker", kube::LogOptions(), [](auto) { return true; }, soon()));
    CHECK(wrong);
    kube::LogOptions no_container;
    no_container.container = "nobody";
    CHECK(fixture.run(client.logs(ns, "talker", no_container, sink, soon())).error().code ==
          Errc::invalid_argument);
}
