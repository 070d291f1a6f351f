#include "hearth/kube/client.hpp"

#include <atomic>

#include "support/catch.hpp"
#include "support/kube_fixture.hpp"
#include "support/kube_objects.hpp"
#include "support/kube_server.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using test::KubeFixture;
using test::KubeRequest;
using test::KubeServer;
using test::soon;
using Reply = test::KubeReply;
namespace json = boost::json;

namespace {

void say_pod(const KubeRequest&, Reply& reply) {
    reply.json(200, test::pod_text("a", "5"));
}

Result<json::object> get_pod(KubeFixture& fixture, kube::Client& client) {
    return fixture.run(client.get(kube::kPods, "ns", "a", soon()));
}

}  // namespace

TEST_CASE("client: get over TLS, on one connection, with its token", "[kube]") {
    KubeServer server(say_pod);
    KubeFixture fixture;
    auto& client = fixture.connect(server.access());
    for (int i = 0; i < 3; ++i) {
        const auto got = get_pod(fixture, client);
        REQUIRE(got);
        CHECK(*got == test::pod_object("a", "5"));
    }
    const auto requests = server.requests();
    REQUIRE(requests.size() == 3);
    CHECK(requests[0].target == "/api/v1/namespaces/ns/pods/a");
    CHECK(requests[0].header("authorization") == "Bearer first-token");
    CHECK(requests[0].header("accept") == "application/json, */*");
    CHECK(requests[2].connection == 1);
    const auto text = fixture.metrics.text();
    CHECK_THAT(text, Catch::Contains("hearth_kubernetes_requests_total{verb=\"get\",resource="
                                     "\"pods\",code=\"200\"} 3"));
    CHECK_THAT(text, Catch::Contains("hearth_kubernetes_connections_total{kind=\"kept\"} 2"));
}

TEST_CASE("client: certificates", "[kube]") {
    KubeServer server(say_pod);
    KubeFixture fixture;
    auto access = server.access();
    const auto& made = test::kube_certificates();

    SECTION("of an unknown authority") {
        access.ca_pem = made.text(made.other_certificate());
        const auto got = get_pod(fixture, fixture.connect(access));
        REQUIRE_FALSE(got);
        CHECK(got.error().code == Errc::unavailable);
        CHECK_THAT(got.error().message,
                   Catch::Contains("is not accepted: self-signed certificate"));
    }
    SECTION("for another name") {
        access.server_name = "elsewhere.test";
        const auto got = get_pod(fixture, fixture.connect(access));
        REQUIRE_FALSE(got);
        CHECK_THAT(got.error().message, Catch::Contains("does not name elsewhere.test"));
    }
    SECTION("for the name that tls-server-name gives") {
        access.server_name = "kube.test";
        CHECK(get_pod(fixture, fixture.connect(access)));
    }
    SECTION("not looked at when one wishes so") {
        access.ca_pem.clear();
        access.verify = false;
        CHECK(get_pod(fixture, fixture.connect(access)));
    }
    SECTION("of the client, from files") {
        access.client_certificate_file = made.client_certificate();
        access.client_key_file = made.client_key();
        CHECK(get_pod(fixture, fixture.connect(access)));
        CHECK_THAT(server.requests().at(0).peer, Catch::Contains("CN=someone"));
    }
    SECTION("that are none") {
        access.ca_pem = "no certificate";
        const auto refused = kube::Client::make(access, {}, fixture.shards, fixture.pool,
                                                fixture.log, fixture.metrics);
        REQUIRE_FALSE(refused);
        CHECK_THAT(refused.error().message, Catch::Contains("the certificate authority of test"));
    }
}

TEST_CASE("client: a later connection resumes the TLS session", "[kube]") {
    KubeServer server([](const KubeRequest& request, Reply& reply) {
        say_pod(request, reply);
        reply.drop();
    });
    KubeFixture fixture;
    auto& client = fixture.connect(server.access());
    for (int i = 0; i < 3; ++i) REQUIRE(get_pod(fixture, client));
    const auto requests = server.requests();
    CHECK_FALSE(requests[0].resumed);
    CHECK(requests[1].resumed);
    CHECK(requests[2].resumed);
}

TEST_CASE("client: a token file is read again when the server refuses what it held", "[kube]") {
    test::ScratchFolder folder;
    KubeServer server([](const KubeRequest& request, Reply& reply) {
        if (request.header("authorization") == "Bearer new") return say_pod(request, reply);
        reply.status(401, "Unauthorized", "Unauthorized");
    });
    KubeFixture fixture;
    auto access = server.access();
    access.token_file = folder.write("token", "old\n");
    auto& client = fixture.connect(access);
    const auto refused = get_pod(fixture, client);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::unauthenticated);
    folder.write("token", "new\n");
    CHECK(get_pod(fixture, client));
}

TEST_CASE("client: a credential program runs once for many, and again after a refusal", "[kube]") {
    test::ScratchFolder folder;
    const auto program = folder.write("get-token", R"(#!/bin/sh
echo run >> )" + folder.at("runs") + R"(
n=$(wc -l < )" + folder.at("runs") + R"()
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s-%s"}}' "$PREFIX" "$n"
)");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    std::atomic<bool> refuse_first{false};
    KubeServer server([&](const KubeRequest& request, Reply& reply) {
        if (refuse_first && request.header("authorization") == "Bearer p-1")
            return reply.status(401, "Unauthorized", "Unauthorized");
        say_pod(request, reply);
    });
    KubeFixture fixture(2);
    auto access = server.access();
    access.token.clear();
    access.exec.emplace();
    access.exec->command = program;
    access.exec->env["PREFIX"] = "p";
    auto& client = fixture.connect(access);
    for (std::size_t i = 0; i < 4; ++i)
        REQUIRE(fixture.run(client.get(kube::kPods, "ns", "a", soon()), i % 2));
    CHECK(server.requests().at(3).header("authorization") == "Bearer p-1");
    refuse_first = true;
    REQUIRE(get_pod(fixture, client));
    CHECK(server.requests().back().header("authorization") == "Bearer p-2");
}

TEST_CASE("client: a credential program that fails says why", "[kube]") {
    KubeServer server(say_pod);
    KubeFixture fixture;
    auto access = server.access();
    access.exec.emplace();
    access.exec->command = "/bin/sh";
    access.exec->arguments = {"-c", "echo please log in >&2; exit 3"};
    const auto got = get_pod(fixture, fixture.connect(access));
    REQUIRE_FALSE(got);
    CHECK(got.error().code == Errc::unavailable);
    CHECK(got.error().message ==
          "the credential program /bin/sh ended with exit code 3: please log in");
}

TEST_CASE("client: pages of a list, and a continue token that expires on the way", "[kube]") {
    std::atomic<int> expire{0};
    KubeServer server([&](const KubeRequest& request, Reply& reply) {
        if (!request.has("limit=2"))
            return reply.json(200, test::list_text(test::pod_text("all", "9"), "12"));
        if (!request.has("continue=next%2F1"))
            return reply.json(200,
                              test::list_text("{\"metadata\":{\"name\":\"a\"}}", "10", "next/1"));
        if (expire > 0) {
            --expire;
            return reply.status(410, "Expired", "The provided continue parameter is too old");
        }
        reply.json(200, test::list_text("{\"metadata\":{\"name\":\"b\"}}", "10"));
    });
    KubeFixture fixture;
    auto& client = fixture.connect(server.access());
    kube::ListOptions options;
    options.page = 2;
    options.label_selector = "a=b";
    expire = GENERATE(0, 1, 2);
    const auto list = fixture.run(client.list(kube::kPods, "ns", options, soon()));
    REQUIRE(list);
    CHECK(list->resource_version == "10");
    REQUIRE(list->items.size() == 2);
    CHECK(list->items[1].at("kind") == "Pod");
    CHECK(list->items[1].at("apiVersion") == "v1");
    CHECK(server.requests().at(0).has("labelSelector=a%3Db"));

    expire = 100;
    const auto whole = fixture.run(client.list(kube::kPods, "ns", options, soon()));
    REQUIRE(whole);
    CHECK(kube::metadata_text(whole->items.at(0), "name") == "all");
}

TEST_CASE("client: a busy server is asked again when it says, and not later than the deadline",
          "[kube]") {
    std::atomic<int> busy{2};
    const int status = GENERATE(429, 503);
    KubeServer server([&](const KubeRequest& request, Reply& reply) {
        if (busy-- <= 0) return say_pod(request, reply);
        reply.status(status, "TooManyRequests", "too many requests", "Retry-After: 1\r\n");
    });
    KubeFixture fixture;
    auto& client = fixture.connect(server.access());
    const auto began = std::chrono::steady_clock::now();
    CHECK(get_pod(fixture, client));
    CHECK(std::chrono::steady_clock::now() - began >= 2s);
    CHECK(server.requests().size() == 3);
    busy = 1000;
    const auto refused = fixture.run(client.get(kube::kPods, "ns", "a", Deadline::after(500ms)));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == (status == 429 ? Errc::exhausted : Errc::unavailable));
    CHECK(server.requests().size() == 4);
}

TEST_CASE("client: writes carry what they should", "[kube]") {
    KubeServer server(say_pod);
    KubeFixture fixture;
    auto& client = fixture.connect(server.access());
    const json::object pod{{"metadata", json::object{{"name", "a"}}}};
    REQUIRE(fixture.run(client.create(kube::kPods, "ns", pod, soon())));
    REQUIRE(fixture.run(client.update(kube::kPods, "ns", "a", pod, soon())));
    kube::PatchOptions apply;
    apply.type = kube::PatchOptions::Type::apply;
    apply.force = true;
    apply.field_manager = "tester";
    REQUIRE(fixture.run(client.patch(kube::kPods, "ns", "a", pod, apply, soon())));
    kube::PatchOptions scale;
    scale.subresource = "scale";
    REQUIRE(fixture.run(client.patch(kube::kDeployments, "ns", "d", pod, scale, soon())));
    kube::DeleteOptions options;
    options.uid = "u";
    options.grace_seconds = 0;
    options.propagation = "Background";
    REQUIRE(fixture.run(client.remove(kube::kPods, "ns", "a", options, soon())));

    const auto requests = server.requests();
    CHECK(requests[0].method == "POST");
    CHECK(requests[0].target == "/api/v1/namespaces/ns/pods?fieldManager=hearth");
    CHECK(json::parse(requests[0].body).at("kind") == "Pod");
    CHECK(requests[0].header("content-type") == "application/json");
    CHECK(requests[1].method == "PUT");
    CHECK(requests[2].target == "/api/v1/namespaces/ns/pods/a?fieldManager=tester&force=true");
    CHECK(requests[2].header("content-type") == "application/apply-patch+yaml");
    CHECK(json::parse(requests[2].body).at("apiVersion") == "v1");
    CHECK(requests[3].path() == "/apis/apps/v1/namespaces/ns/deployments/d/scale");
    CHECK(requests[3].header("content-type") == "application/merge-patch+json");
    const auto deletion = json::parse(requests[4].body);
    CHECK(deletion.at("preconditions").at("uid") == "u");
    CHECK(deletion.at("gracePeriodSeconds") == 0);
    CHECK(deletion.at("propagationPolicy") == "Background");
    CHECK(fixture.run(client.remove_all(kube::kPods, "", {}, {}, soon())).error().code ==
          Errc::invalid_argument);
    CHECK(fixture.run(client.remove(kube::kPods, "ns", "", {}, soon())).error().code ==
          Errc::invalid_argument);
}

TEST_CASE("client: behind its fence it reads, and writes only what is urgent", "[kube]") {
    KubeServer server(say_pod);
    KubeFixture fixture;
    auto& client = fixture.connect(server.access());
    const json::object pod{{"metadata", json::object{{"name", "a"}}}};
    std::atomic<bool> may{false};
    client.fence([&may] { return may.load(); });
    CHECK(get_pod(fixture, client));
    const auto created = fixture.run(client.create(kube::kPods, "ns", pod, soon()));
    const auto removed = fixture.run(client.remove(kube::kPods, "ns", "a", {}, soon()));
    REQUIRE(created.has_error());
    CHECK(created.error().code == Errc::unavailable);
    CHECK(created.error().message.find("does not hold the leader lease") != std::string::npos);
    CHECK(removed.has_error());
    CHECK(fixture.run(client.patch(kube::kPods, "ns", "a", pod, {}, soon())).has_error());
    CHECK(server.requests().size() == 1);
    CHECK(fixture.run(client.urgent().update(kube::kPods, "ns", "a", pod, soon())));
    may = true;
    CHECK(fixture.run(client.create(kube::kPods, "ns", pod, soon())));
    CHECK(server.requests().size() == 3);
}

TEST_CASE("client: a connection that closes under a request", "[kube]") {
    std::atomic<bool> close{false};
    KubeServer server([&](const KubeRequest& request, Reply& reply) {
        if (close.exchange(false)) return reply.drop();
        say_pod(request, reply);
    });
    KubeFixture fixture;
    auto& client = fixture.connect(server.access());
    REQUIRE(get_pod(fixture, client));
    SECTION("a read is sent again") {
        close = true;
        CHECK(get_pod(fixture, client));
        CHECK(server.requests().size() == 3);
    }
    SECTION("a create is not") {
        close = true;
        const auto made = fixture.run(client.create(kube::kPods, "ns", {}, soon()));
        REQUIRE_FALSE(made);
        CHECK(made.error().code == Errc::unavailable);
        CHECK_THAT(made.error().message, Catch::Contains("it closed the connection"));
        CHECK(server.requests().size() == 2);
    }
    SECTION("one that was closed meanwhile is not used") {
        server.cut_all();
        const auto made = fixture.run(client.create(kube::kPods, "ns", {}, soon()));
        CHECK(made);
    }
}

TEST_CASE("client: deadlines, and answers that make no sense", "[kube]") {
    std::string answer;
    KubeServer server([&](const KubeRequest&, Reply& reply) {
        if (answer.empty()) return reply.hold();
        reply.raw(answer);
        reply.drop();
    });
    KubeFixture fixture;
    kube::ClientOptions options;
    options.max_response = 1000;
    auto& client = fixture.connect(server.access(), options);
    SECTION("no answer") {
        const auto got = fixture.run(client.get(kube::kPods, "ns", "a", Deadline::after(200ms)));
        REQUIRE_FALSE(got);
        CHECK(got.error().code == Errc::deadline_exceeded);
    }
    SECTION("half an answer") {
        answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{";
        const auto got = get_pod(fixture, client);
        REQUIRE_FALSE(got);
        CHECK(got.error().code == Errc::unavailable);
    }
    SECTION("no JSON") {
        answer =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\nabc";
        const auto got = get_pod(fixture, client);
        REQUIRE_FALSE(got);
        CHECK_THAT(got.error().message, Catch::Contains("that is no JSON"));
    }
    SECTION("another program's page") {
        answer = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nabc";
        const auto got = get_pod(fixture, client);
        REQUIRE_FALSE(got);
        CHECK_THAT(got.error().message, Catch::Contains("answered with no object"));
    }
    SECTION("too much") {
        answer =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1002\r\n\r\n\"" +
            std::string(1000, 'x') + "\"";
        const auto got = get_pod(fixture, client);
        REQUIRE_FALSE(got);
        CHECK(got.error().code == Errc::too_large);
    }
}

TEST_CASE("client: nobody listens", "[kube]") {
    std::uint16_t port = 0;
    {
        KubeServer gone(say_pod);
        port = gone.port();
    }
    KubeFixture fixture;
    kube::Access access;
    access.host = "127.0.0.1";
    access.port = port;
    const auto got = get_pod(fixture, fixture.connect(access));
    REQUIRE_FALSE(got);
    CHECK(got.error().code == Errc::unavailable);
    CHECK(got.error().message == "cannot connect to the Kubernetes API server 127.0.0.1:" +
                                     std::to_string(port) + ": Connection refused");
}

TEST_CASE("client: the request budget, and what need not wait for it", "[kube]") {
    KubeServer server(say_pod);
    KubeFixture fixture;
    kube::ClientOptions options;
    options.requests_per_second = 0.01;
    options.burst = 1;
    auto& client = fixture.connect(server.access(), options);
    REQUIRE(get_pod(fixture, client));
    const auto refused = get_pod(fixture, client);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::exhausted);
    CHECK(fixture.run(client.urgent().get(kube::kPods, "ns", "a", soon())));
    CHECK(server.requests().size() == 2);
}

TEST_CASE("client: a log is handed on as it comes", "[kube]") {
    KubeServer server([](const KubeRequest&, Reply& reply) {
        reply.begin_stream("text/plain");
        reply.chunk("first line\nsec");
        reply.chunk("ond line\n");
        reply.end_stream();
    });
    KubeFixture fixture;
    auto& client = fixture.connect(server.access());
    kube::LogOptions options;
    options.container = "main";
    options.follow = true;
    options.tail_lines = 10;
    options.since_time = "2026-01-31T12:00:00Z";
    std::string text;
    std::function<bool(std::string_view)> sink = [&](std::string_view bytes) {
        text.append(bytes);
        return true;
    };
    REQUIRE(fixture.run(client.logs("ns", "a", options, sink, soon())));
    CHECK(text == "first line\nsecond line\n");
    CHECK(server.requests().at(0).target ==
          "/api/v1/namespaces/ns/pods/a/log?container=main&follow=true&tailLines=10&sinceTime="
          "2026-01-31T12%3A00%3A00Z");
}

TEST_CASE("client: discovery finds a kind, and keeps what it found", "[kube]") {
    KubeServer server([](const KubeRequest& request, Reply& reply) {
        if (request.path() == "/apis")
            return reply.json(200, R"({"groups":[{"preferredVersion":{"groupVersion":"broken/v1"}},
                {"preferredVersion":{"groupVersion":"apps/v1"}}]})");
        if (request.path() == "/api/v1")
            return reply.json(
                200, R"({"resources":[{"name":"nodes","kind":"Node","namespaced":false}]})");
        if (request.path() == "/apis/apps/v1")
            return reply.json(200, R"({"resources":[
                {"name":"deployments/scale","kind":"Scale","namespaced":true},
                {"name":"deployments/status","kind":"Deployment","namespaced":true},
                {"name":"deployments","kind":"Deployment","namespaced":true}]})");
        if (request.path() == "/apis/broken/v1")
            return reply.status(503, "ServiceUnavailable", "the server is currently unable");
        reply.json(404, "404 page not found");
    });
    KubeFixture fixture;
    auto& client = fixture.connect(server.access());
    const auto named = fixture.run(client.discover("apps/v1", "Deployment", soon()));
    REQUIRE(named);
    CHECK(*named == kube::kDeployments);
    REQUIRE(fixture.run(client.discover("apps/v1", "Deployment", soon())));
    CHECK(server.requests().size() == 1);
    CHECK(*fixture.run(client.discover("", "Deployment", soon())) == kube::kDeployments);
    CHECK(*fixture.run(client.discover("v1", "Node", soon())) == kube::kNodes);
    const auto absent = fixture.run(client.discover("autoscaling/v2", "X", soon()));
    REQUIRE_FALSE(absent);
    CHECK(absent.error().code == Errc::not_found);
    CHECK(fixture.run(client.discover("broken/v1", "X", soon())).error().code == Errc::unavailable);
}

TEST_CASE("client: stop ends what is under way", "[kube]") {
    KubeServer server([](const KubeRequest&, Reply& reply) { reply.hold(); });
    KubeFixture fixture;
    auto& client = fixture.connect(server.access());
    auto waiting = std::async(std::launch::async, [&] { return get_pod(fixture, client); });
    REQUIRE(server.wait_for_requests(1));
    client.stop();
    const auto ended = waiting.get();
    REQUIRE_FALSE(ended);
    CHECK(ended.error().code == Errc::cancelled);
    CHECK(get_pod(fixture, client).error().code == Errc::cancelled);
}
