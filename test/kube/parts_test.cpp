#include "hearth/kube/resource_type.hpp"
#include "hearth/kube/status.hpp"
#include "kube/call.hpp"
#include "kube/request_budget.hpp"
#include "kube/server_url.hpp"
#include "kube/status_error.hpp"
#include "kube/watch_lines.hpp"
#include "kube/watch_pulse.hpp"
#include "support/catch.hpp"
#include "support/kube_objects.hpp"

using namespace hearth;
using namespace std::chrono_literals;
namespace json = boost::json;

TEST_CASE("kube: paths of kinds, and names that are no names", "[kube]") {
    CHECK(kube::kPods.path("ns", "a", "log") == "/api/v1/namespaces/ns/pods/a/log");
    CHECK(kube::kPods.path("") == "/api/v1/pods");
    CHECK(kube::kDeployments.path("ns", "d", "scale") ==
          "/apis/apps/v1/namespaces/ns/deployments/d/scale");
    CHECK(kube::kNodes.path("ns", "n") == "/api/v1/nodes/n");
    CHECK(kube::kDeployments.api_version() == "apps/v1");
    CHECK(kube::kPods.path("ns", "../../secrets/x?y=1") ==
          "/api/v1/namespaces/ns/pods/..%2F..%2Fsecrets%2Fx%3Fy%3D1");
}

TEST_CASE("kube: query text leaves out what is empty and encodes the rest", "[kube]") {
    CHECK(kube::query_text({{"a", ""}, {"b", ""}}).empty());
    CHECK(kube::query_text({{"labelSelector", "a=b,c in (d)"}, {"limit", "5"}}) ==
          "?labelSelector=a%3Db%2Cc%20in%20%28d%29&limit=5");
}

TEST_CASE("kube: a Status becomes an error with code, reason and the server's sentence", "[kube]") {
    struct Row {
        int status;
        const char* reason;
        Errc code;
    };
    const auto row = GENERATE(values<Row>({{400, "BadRequest", Errc::invalid_argument},
                                           {401, "Unauthorized", Errc::unauthenticated},
                                           {403, "Forbidden", Errc::forbidden},
                                           {404, "NotFound", Errc::not_found},
                                           {409, "AlreadyExists", Errc::already_exists},
                                           {409, "Conflict", Errc::conflict},
                                           {410, "Expired", Errc::conflict},
                                           {413, "RequestEntityTooLarge", Errc::too_large},
                                           {422, "Invalid", Errc::invalid_argument},
                                           {429, "TooManyRequests", Errc::exhausted},
                                           {500, "InternalError", Errc::unavailable},
                                           {503, "ServiceUnavailable", Errc::unavailable},
                                           {504, "Timeout", Errc::unavailable}}));
    json::object status{{"kind", "Status"}, {"reason", row.reason}, {"message", "what it says"}};
    const auto error = kube::status_error(row.status, json::serialize(status));
    CHECK(error.code == row.code);
    CHECK(kube::reason_of(error) == row.reason);
    CHECK(error.message.find("what it says") != std::string::npos);
    CHECK(error.component == "kubernetes");
    CHECK(kube::is_expired(error) == (row.status == 410));
}

TEST_CASE("kube: what a proxy writes is kept short and on one line", "[kube]") {
    const auto error = kube::status_error(502, "<html>\n<b>Bad Gateway</b>\r\n");
    CHECK(error.code == Errc::unavailable);
    CHECK(error.message == "<html> <b>Bad Gateway</b>");
    CHECK(kube::reason_of(error).empty());
    CHECK(kube::status_error(500, "").message == "status 500 without a text");
    CHECK(kube::status_error(500, std::string(100'000, 'x')).message.size() == 2048);
}

TEST_CASE("kube: a used-up quota is told apart from a missing right", "[kube]") {
    json::object status{{"kind", "Status"},
                        {"reason", "Forbidden"},
                        {"message", "pods \"a\" is forbidden: exceeded quota: q"}};
    CHECK(kube::is_quota(kube::status_error(403, json::serialize(status))));
    status["message"] = "pods is forbidden: User \"x\" cannot create resource";
    CHECK_FALSE(kube::is_quota(kube::status_error(403, json::serialize(status))));
}

TEST_CASE("kube: a version that is too old, and one the server does not know yet", "[kube]") {
    CHECK(kube::means_expired(410, json::object{}));
    CHECK(kube::means_expired(0, json::object{{"reason", "Gone"}}));
    CHECK(kube::means_expired(0, json::object{{"code", 410}}));
    CHECK(kube::means_expired(
        504, json::object{{"reason", "Timeout"},
                          {"message", "Too large resource version: 9, current: 5"}}));
    CHECK_FALSE(kube::means_expired(500, json::object{{"reason", "InternalError"}}));
}

TEST_CASE("kube: the request budget lets a burst through, then keeps the rate", "[kube]") {
    kube::RequestBudget budget(10, 3);
    const kube::RequestBudget::Clock::time_point start{1h};
    for (int i = 0; i < 3; ++i) CHECK(budget.take(start, 0s) == 0s);
    CHECK_FALSE(budget.take(start, 99ms));
    CHECK(budget.take(start, 100ms) == 100ms);
    CHECK(budget.take(start, 1s) == 200ms);
    // Who was refused took no place.
    CHECK(budget.take(start + 200ms, 1s) == 100ms);
    CHECK(budget.take(start + 10min, 0s) == 0s);
    CHECK(budget.take(start + 10min, 0s) == 0s);
    CHECK(budget.take(start + 10min, 0s) == 0s);
    CHECK_FALSE(budget.take(start + 10min, 0s));
}

TEST_CASE("kube: a watch's events come whole, wherever its bytes are cut", "[kube]") {
    const std::string text = "{\"type\":\"ADDED\",\"object\":" + test::pod_text("a", "5") +
                             "}\n\n{\"type\":\"BOOKMARK\",\"object\":" + test::pod_text("", "6") +
                             "}\n";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        kube::WatchLines lines;
        auto events = lines.feed(text.substr(0, cut));
        REQUIRE(events);
        auto rest = lines.feed(text.substr(cut));
        REQUIRE(rest);
        for (auto& event : *rest) events->push_back(std::move(event));
        REQUIRE(events->size() == 2);
        CHECK((*events)[0].type == kube::WatchEvent::Type::added);
        CHECK((*events)[0].object == test::pod_object("a", "5"));
        CHECK((*events)[1].type == kube::WatchEvent::Type::bookmark);
    }
}

TEST_CASE("kube: a watch that makes no sense is an error", "[kube]") {
    const auto bad = GENERATE(values<std::string>(
        {"nonsense\n", "{\"type\":\"ADDED\"}\n", "{\"type\":\"NEWS\",\"object\":{}}\n", "[]\n"}));
    kube::WatchLines lines;
    CHECK_FALSE(lines.feed(bad));
}

TEST_CASE("kube: a silent watch is probed, and cut when nobody answers", "[kube]") {
    using Do = kube::WatchPulse::Do;
    const base::SteadyTime start{1h};
    kube::WatchPulse pulse(20s, 150s, start);
    CHECK(pulse.next(start).what == Do::wait);
    CHECK(pulse.next(start).at == start + 20s);
    CHECK(pulse.next(start + 20s).what == Do::probe);

    SECTION("no answer") {
        pulse.probed(false, start + 20s);
        CHECK(pulse.next(start + 30s).what == Do::cut);
    }
    SECTION("an answer, then silence for too long") {
        pulse.probed(true, start + 20s);
        CHECK(pulse.next(start + 21s).what == Do::wait);
        CHECK(pulse.next(start + 21s).at == start + 40s);
        CHECK(pulse.next(start + 150s).what == Do::cut);
    }
    SECTION("bytes during a probe that then fails") {
        pulse.heard(start + 25s);
        pulse.probed(false, start + 20s);
        CHECK(pulse.next(start + 30s).what == Do::wait);
    }
    SECTION("bytes start it anew") {
        pulse.heard(start + 19s);
        CHECK(pulse.next(start + 20s).at == start + 39s);
    }
}

TEST_CASE("kube: addresses of API servers", "[kube]") {
    kube::Access access;
    REQUIRE(kube::set_server(access, "https://10.0.0.1:6443"));
    CHECK(access.host == "10.0.0.1");
    CHECK(access.port == 6443);
    CHECK(access.tls);
    REQUIRE(kube::set_server(access, "https://[fd00::1]:443/k8s/clusters/c-1/"));
    CHECK(access.host == "fd00::1");
    CHECK(access.path_prefix == "/k8s/clusters/c-1");
    REQUIRE(kube::set_server(access, "http://localhost"));
    CHECK(access.port == 80);
    CHECK_FALSE(access.tls);
    const auto bad = GENERATE(values<std::string>(
        {"", "10.0.0.1:6443", "ftp://x", "https://", "https://a:b", "https://a:0",
         "https://a:70000", "https://u@h", "https://[::1", "https://[::1]x"}));
    const auto refused = kube::set_server(access, bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("https://host:6443") != std::string::npos);
}
