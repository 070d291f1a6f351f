#include <map>
#include <set>

#include "api/access.hpp"
#include "api/api_fixture.hpp"
#include "api/operations.hpp"
#include "support/catch.hpp"

using namespace hearth;
using api::Role;
using test::ApiFixture;

namespace {

constexpr Role kRoles[] = {Role::view, Role::call, Role::deploy, Role::admin};

std::string fill(std::string path, const std::string& ns) {
    const auto replace = [&](const std::string& what, const std::string& with) {
        const auto at = path.find(what);
        if (at != std::string::npos) path.replace(at, what.size(), with);
    };
    replace("{ns}", ns);
    replace("{name}", "ghost");
    replace("{digest}", std::string(64, '0'));
    replace("{rest...}", "x");
    if (path == "/api/v1/routes/match") path += "?path=/hello";
    if (path == "/api/v1/watch") path += "?since=999999";
    return path;
}

bool reads(const api::Operation& row) {
    return row.method == "GET" || row.op == api::Op::call_function;
}

/// What the check of access alone must answer; 0: it lets the request through.
int expected(const api::Operation& row, Role role, bool foreign) {
    if (!row.role) return 0;
    if (static_cast<int>(role) < static_cast<int>(*row.role)) return 403;
    if (!foreign || !row.namespaced()) return 0;
    const bool by_name = row.path.find("{name}") != std::string::npos;
    return by_name && reads(row) ? 404 : 403;
}

}  // namespace

TEST_CASE("access: every operation by every role in the own and a foreign namespace",
          "[api][integration]") {
    ApiFixture api;
    const api::OperationTable table;
    int cells = 0;
    std::set<int> allowed_statuses = {200, 201, 302, 304, 400, 404, 409, 410, 415, 422};
    for (const auto& row : table.rows()) {
        const auto method = row.method == "*" ? std::string("OPTIONS") : row.method;
        const auto anonymous = api.send(method, fill(row.path, "a"), "", "");
        INFO(row.id << " " << method << " " << row.path << " without a token: " << anonymous.body);
        CHECK((anonymous.status == 401) == row.role.has_value());
        for (const auto role : kRoles) {
            for (const bool foreign : {false, true}) {
                const auto who = std::string(api::to_string(role)) + "-a";
                const auto answer = api.send(method, fill(row.path, foreign ? "b" : "a"), "", who);
                const int wanted = expected(row, role, foreign);
                INFO(who << (foreign ? " in b: " : " in a: ") << answer.status << " "
                         << answer.body);
                if (wanted != 0) {
                    CHECK(answer.status == wanted);
                } else {
                    CHECK(allowed_statuses.contains(answer.status));
                    CHECK(answer.status != 403);
                }
                CHECK(!answer.header("X-Request-Id").empty());
                ++cells;
            }
        }
    }
    CHECK(cells > 480);
}

TEST_CASE("access: a namespace's token sees its own things only", "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: a}\n---\n"
                      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: b}\n")
                .status == 200);
    CHECK(api.get("/api/v1/configmaps", "view-a").array("/items").size() == 1);
    CHECK(api.get("/api/v1/configmaps", "view-all").array("/items").size() == 2);
    CHECK(api.get("/api/v1/namespaces/b/configmaps/x", "view-a").status == 404);
    CHECK(api.get("/api/v1/namespaces/b/configmaps", "view-a").status == 403);
    CHECK(api.get("/api/v1/instances", "view-a").array("/items").size() == 1);
    CHECK(api.get("/api/v1/pools", "view-all").array("/items").size() == 2);
    CHECK(api.get("/api/v1/routes/match?path=/hello", "view-a").text("/trigger") == "a/hello");
    CHECK(api.get("/api/v1/routes/match?path=/hello", "view-b").status == 404);

    const auto foreign = api.apply(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y, namespace: b}\n", "", "deploy-a");
    CHECK(foreign.status == 403);
    CHECK(foreign.text("/errors/0/path") == "metadata.namespace");
    const auto own =
        api.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\n", "", "deploy-a");
    CHECK(own.text("/results/0/namespace") == "a");
}

TEST_CASE("access: only what Access has checked becomes authorised", "[api][unit]") {
    api::Principal who;
    who.name = "a/x", who.role = Role::deploy, who.ns = "a";
    const api::Access access(who);
    const auto write = [&](model::Kind kind, const std::string& ns) {
        catalog::Mutation mutation;
        mutation.resource.kind = kind;
        mutation.resource.metadata.name = "n";
        mutation.resource.metadata.ns = ns;
        std::vector<catalog::Mutation> list;
        list.push_back(std::move(mutation));
        return access.authorise(std::move(list));
    };
    CHECK(write(model::Kind::function, "a").has_value());
    CHECK(write(model::Kind::function, "b").error().code == Errc::forbidden);
    CHECK(write(model::Kind::api_token, "a").error().code == Errc::forbidden);
    CHECK(access.authorise_archives(Role::admin).error().code == Errc::forbidden);
}

TEST_CASE("access: without auth every request is an administrator's, but not another site's",
          "[api][integration]") {
    ApiFixture api(false);
    CHECK(api.get("/api/v1/identity", "").text("/name") == "anonymous");
    CHECK(api.send("GET", "/api/v1/functions", "", "", {{"Sec-Fetch-Site", "cross-site"}}).status ==
          403);
}

TEST_CASE("protocol: paths, methods, media types and request ids", "[api][integration]") {
    ApiFixture api;
    CHECK(api.get("/api/v1/nothing").status == 404);
    CHECK(api.get("/api/v1/functions/").status == 404);
    CHECK(api.get("/api/v1/namespaces/default/functions/%2e%2e").status == 404);
    const auto wrong = api.send("DELETE", "/api/v1/functions");
    CHECK(wrong.status == 405);
    CHECK(wrong.header("Allow") == "GET, HEAD");
    CHECK(api.send("PATCH", "/api/v1/archives/collect").header("Allow") == "POST");
    CHECK(api.send("GET", "/api/v1/functions", "", "view-a", {{"Accept", "image/png"}}).status ==
          406);
    CHECK(api.send("GET", "/api/v1/functions", "", "view-a", {{"Accept", "text/html, */*;q=0.1"}})
              .status == 200);
    const auto named =
        api.send("GET", "/api/v1/functions", "", "view-a", {{"X-Request-Id", "trace-7"}});
    CHECK(named.header("X-Request-Id") == "trace-7");
    CHECK(named.header("X-Content-Type-Options") == "nosniff");
    const auto long_id = api.send("GET", "/api/v1/functions", "", "view-a",
                                  {{"X-Request-Id", std::string(193, 'x')}});
    CHECK(long_id.header("X-Request-Id").size() == 36);
    CHECK(api.get("/api/v1/functions?unknown=1")
              .text("/detail")
              .find("\"unknown\" is not known here") != std::string::npos);
}

TEST_CASE("health: ready until the drain", "[api][integration]") {
    ApiFixture api;
    CHECK(api.get("/healthz", "").body == "ok\n");
    CHECK(api.get("/readyz", "").status == 200);
    CHECK(api.get("/api/v1/version", "").text("/backend") == "fake");
    static_cast<void>(api.get("/api/v1/functions"));
    CHECK(api.get("/metrics", "").body.find("hearth_api_requests_total{") != std::string::npos);
    api.metrics.counter("hearth_api_requests", "Named alike.").add();
    const auto some = api.get("/metrics?names=hearth_none,hearth_api_requests_total", "").body;
    CHECK(some.starts_with("# HELP hearth_api_requests_total "));
    CHECK(some.find("hearth_api_requests_total{") != std::string::npos);
    CHECK(some.find("hearth_api_requests ") == std::string::npos);
    CHECK(api.get("/metrics?names=hearth_none", "").body.empty());
    api.api->begin_drain();
    CHECK(api.get("/readyz", "").status == 503);
    CHECK(api.get("/healthz", "").status == 200);
    CHECK(api.get("/api/v1/watch").status == 503);
}
