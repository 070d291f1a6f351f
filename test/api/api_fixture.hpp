#pragma once

#include <boost/json.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "api/api_answer.hpp"
#include "api/trial_executor.hpp"
#include "hearth/api/api.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/http/client.hpp"
#include "support/fake_backend.hpp"
#include "support/fake_desk.hpp"
#include "support/fake_run_desk.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace hearth::test {

/// The API behind a real server on loopback, over a memory catalog and a real archive store.
class ApiFixture {
 public:
    using MakeWeb = std::function<std::shared_ptr<http::WebClient>(aio::BlockingPool&)>;

    explicit ApiFixture(bool require_auth = true, const MakeWeb& make_web = {})
        : log(telemetry::Level::error, telemetry::Logger::Format::json), pool(2, 256), shards(1) {
        telemetry::FunctionLogOptions log_options;
        log_options.folder = dir.path() / "logs";
        function_log = std::make_unique<telemetry::FunctionLog>(log_options);
        catalog = catalog::make_memory_catalog();
        auto opened = artifact::open_archive_store(dir.path() / "archives",
                                                   artifact::ArchiveLimits(), pool, log);
        if (!opened) throw std::runtime_error(opened.error().message);
        archives = std::move(*opened);
        api::ApiOptions options;
        options.require_auth = require_auth;
        options.gateway_url = "http://127.0.0.1:8888";
        options.max_body_bytes = 1u << 20;
        options.max_archive_bytes = 1u << 20;
        builds = build::Builds::make({}, *catalog, *archives, nullptr, shards, pool, clock, log,
                                     metrics);
        auto made = ports();
        made.builds = builds.get();
        made.calls = &desk;
        made.runs = &runs;
        if (make_web) made.web = make_web(pool);
        api = api::Api::make(options, std::move(made), *catalog, *archives, executor, backend, pool,
                             *function_log, log, metrics);
        http::ServerOptions server_options;
        server_options.name = "api";
        server_options.listen.host = "127.0.0.1";
        auto handler = [this](http::Exchange& exchange) { return api->handle(exchange); };
        auto started = http::Server::start(shards, server_options, handler, log, metrics);
        if (!started) throw std::runtime_error(started.error().message);
        server = std::move(*started);
        for (const char* role : {"view", "call", "deploy", "admin"}) {
            for (const char* ns : {"a", "b"}) add_token(role, ns, false);
            add_token(role, "default", true);
        }
    }
    ~ApiFixture() {
        api->stop();
        server->stop(Deadline::after(std::chrono::seconds(2)));
        server.reset();
    }

    /// Text of a token: "view-a", "deploy-b", "admin-all"…
    static std::string token(const std::string& name) { return "hearth_" + name; }
    Answer send(const std::string& method, const std::string& target, const std::string& body = "",
                const std::string& who = "admin-all",
                const std::vector<std::pair<std::string, std::string>>& headers = {}) {
        http::ClientRequest request;
        request.method = method;
        request.target = target;
        request.body = body;
        if (!who.empty()) request.headers.set("Authorization", "Bearer " + token(who));
        if (!body.empty()) request.headers.set("Content-Type", "application/yaml");
        for (const auto& [name, value] : headers) request.headers.set(name, value);
        auto response = http::fetch_blocking(server->endpoint(), std::move(request),
                                             Deadline::after(std::chrono::seconds(20)));
        if (!response) throw std::runtime_error(response.error().message);
        Answer answer;
        answer.status = response->status;
        answer.body = std::move(response->body);
        answer.headers = std::move(response->headers);
        return answer;
    }
    Answer get(const std::string& target, const std::string& who = "admin-all") {
        return send("GET", target, "", who);
    }
    Answer apply(const std::string& documents, const std::string& query = "",
                 const std::string& who = "admin-all") {
        return send("POST", "/api/v1/apply" + query, documents, who);
    }

    /// Reads a stream line by line until `wanted` returns false.
    int stream(const std::string& target,
               const std::function<bool(const boost::json::value&)>& wanted,
               const std::function<void()>& once_started = {}) {
        http::ClientRequest request;
        request.target = target;
        request.headers.set("Authorization", "Bearer " + token("admin-all"));
        std::string rest;
        int status = 0;
        const auto on_head = [&](const http::ClientResponse& response) {
            status = response.status;
            if (once_started) once_started();
            return status == 200;
        };
        const auto on_data = [&](std::string_view data) {
            rest += data;
            for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
                const auto line = boost::json::parse(rest.substr(0, end));
                rest.erase(0, end + 1);
                if (!wanted(line)) return false;
            }
            return true;
        };
        static_cast<void>(http::fetch_stream_blocking(server->endpoint(), std::move(request),
                                                      Deadline::after(std::chrono::seconds(20)),
                                                      on_head, on_data));
        return status;
    }

    void add_token(const std::string& role, const std::string& ns, bool all,
                   const std::string& expires = "") {
        const std::string name = role + "-" + (all ? "all" : ns) + (expires.empty() ? "" : "-old");
        catalog::Mutation mutation;
        mutation.resource.kind = model::Kind::api_token;
        mutation.resource.metadata.name = name;
        mutation.resource.metadata.ns = ns;
        mutation.resource.spec["role"] = role;
        mutation.resource.spec["allNamespaces"] = all;
        mutation.resource.spec["sha256"] = base::sha256_hex(token(name));
        if (!expires.empty()) mutation.resource.spec["expires"] = expires;
        std::vector<catalog::Mutation> mutations;
        mutations.push_back(std::move(mutation));
        if (run_task(catalog->write(std::move(mutations))).has_error())
            throw std::runtime_error("no token");
    }

    TempDir dir;
    telemetry::Logger log;
    telemetry::Registry metrics;
    aio::BlockingPool pool;
    aio::Shards shards;
    std::unique_ptr<telemetry::FunctionLog> function_log;
    std::unique_ptr<catalog::Catalog> catalog;
    std::unique_ptr<artifact::ArchiveStore> archives;
    base::SystemClock clock;
    std::unique_ptr<build::Builds> builds;
    FakeDesk desk;
    FakeRunDesk runs;
    TrialExecutor executor;
    FakeBackend backend;
    std::unique_ptr<api::Api> api;
    std::unique_ptr<http::Server> server;

 private:
    /// Two routes of the same path and host conflict; a call answers with its target.
    static api::Ports ports() {
        api::Ports made;
        made.route_conflicts = [](const model::Resource& trigger,
                                  const std::vector<catalog::RecordPtr>& others) {
            std::vector<std::string> list;
            const auto* own = trigger.spec.if_contains("relativeurl");
            for (const auto& other : others) {
                const auto spec = other->load()->spec;
                const auto* path = spec.if_contains("relativeurl");
                const auto name = model::qualified(other->metadata);
                if (own && path && *own == *path)
                    list.push_back("conflicts with " + name + ": same path");
            }
            return list;
        };
        made.match_route = [](std::string_view, std::string_view,
                              std::string_view path) -> std::optional<std::string> {
            return path == "/hello" ? std::optional<std::string>("a/hello") : std::nullopt;
        };
        made.call = answer_call;
        return made;
    }
    static Task<void> answer_call(http::Exchange& exchange, std::string ns, std::string name,
                                  std::string target) {
        http::ResponseHead head;
        head.headers.set("Content-Type", "text/plain");
        std::string body = exchange.request().method + " " + ns + "/" + name + " " + target;
        const auto sent = co_await exchange.respond(std::move(head), std::move(body));
        if (sent.has_error()) exchange.close_after();
    }
};

}  // namespace hearth::test
