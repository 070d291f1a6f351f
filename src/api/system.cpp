#include <boost/json.hpp>

#include "api/handlers.hpp"
#include "api/present.hpp"
#include "hearth/base/version.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

/// The families of a metrics text whose names stand in `names`, between commas.
std::string families_of(std::string_view text, std::string_view names) {
    const std::string wanted = "," + std::string(names) + ",";
    std::string kept;
    bool keep = false;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n') + 1);
        if (line.empty()) break;
        text.remove_prefix(line.size());
        // Each family begins with its help.
        constexpr std::string_view kHelp = "# HELP ";
        if (line.starts_with(kHelp)) {
            const auto name =
                line.substr(kHelp.size(), line.find(' ', kHelp.size()) - kHelp.size());
            keep = wanted.find("," + std::string(name) + ",") != std::string::npos;
        }
        if (keep) kept += line;
    }
    return kept;
}

std::string_view name_of(backend::Probe::State state) {
    switch (state) {
        case backend::Probe::State::ok:
            return "ok";
        case backend::Probe::State::degraded:
            return "degraded";
        case backend::Probe::State::missing:
            return "missing";
    }
    return "missing";
}

void add_probe(json::array& probes, std::string_view name, std::string_view state,
               std::string_view detail) {
    json::object entry;
    entry["name"] = name;
    entry["state"] = state;
    entry["detail"] = detail;
    probes.push_back(std::move(entry));
}

/// A sentence for each row that cannot be read, at most twenty and how many more. Reads every spec.
std::vector<std::string> unreadable_rows(const catalog::Catalog& catalog) {
    constexpr std::size_t kMost = 20;
    std::vector<std::string> rows = catalog.lost_rows();
    for (const auto& record : catalog.list(catalog::ListQuery())) {
        if (const auto loaded = record->load(); !loaded) rows.push_back(loaded.error().message);
    }
    if (rows.size() > kMost) {
        const auto more = rows.size() - kMost;
        rows.resize(kMost);
        rows.push_back("and " + std::to_string(more) + " more rows that cannot be read");
    }
    return rows;
}

/// Those of `all` whose namespace the caller may see.
template <class Stats>
Reply seen_list(const Request& request, std::string_view kind, const std::vector<Stats>& all) {
    json::array items;
    for (const auto& stats : all)
        if (request.access.sees(stats.ns)) items.push_back(to_json(stats));
    json::object body;
    body["kind"] = kind;
    body["items"] = std::move(items);
    return json_reply(200, body);
}

}  // namespace

Task<Reply> handle_health(Context&, Request&) {
    co_return text_reply(200, "ok\n", "text/plain; charset=utf-8");
}

Task<Reply> handle_ready(Context& context, Request& request) {
    if (context.draining.load()) {
        co_return problem(request.id, Error(Errc::unavailable, "the daemon is draining", {}, "api"),
                          503);
    }
    co_return text_reply(200, "ready\n", "text/plain; charset=utf-8");
}

Task<Reply> handle_metrics(Context& context, Request& request) {
    auto text = context.metrics.text();
    if (const auto names = request.query("names")) text = families_of(text, *names);
    co_return text_reply(200, std::move(text), "text/plain; version=0.0.4; charset=utf-8");
}

Task<Reply> handle_openapi(Context& context, Request&) {
    co_return text_reply(200, context.openapi_text, "application/json");
}

Task<Reply> handle_version(Context& context, Request&) {
    json::object body;
    body["version"] = base::version();
    body["backend"] = context.backend.name();
    body["gateway"] = context.options.gateway_url;
    body["startedAt"] = context.started_at;
    co_return json_reply(200, body);
}

Task<Reply> handle_identity(Context&, Request& request) {
    const auto& who = request.access.who();
    json::object body;
    body["name"] = who.name;
    body["role"] = to_string(who.role);
    body["namespace"] = who.all_namespaces ? json::value(nullptr) : json::value(who.ns);
    body["allNamespaces"] = who.all_namespaces;
    co_return json_reply(200, body);
}

Task<Reply> handle_instances(Context& context, Request& request) {
    co_return seen_list(request, "InstanceList", context.executor.instances());
}

Task<Reply> handle_pools(Context& context, Request& request) {
    co_return seen_list(request, "PoolList", context.executor.pools());
}

Task<Reply> handle_match_route(Context& context, Request& request) {
    const std::string host = request.query("host").value_or("");
    const std::string method = request.query("method").value_or("GET");
    const std::string path = request.query("path").value_or("");
    if (!path.starts_with('/')) {
        co_return problem(request.id, Error(Errc::invalid_argument, "path must begin with /"));
    }
    std::optional<std::string> trigger;
    if (context.ports.match_route) trigger = context.ports.match_route(host, method, path);
    const auto slash = trigger ? trigger->find('/') : std::string::npos;
    if (slash == std::string::npos || !request.access.sees(trigger->substr(0, slash))) {
        co_return problem(request.id,
                          Error(Errc::not_found, "no route takes this request", {}, "gateway"));
    }
    json::object body;
    body["trigger"] = *trigger;
    body["namespace"] = trigger->substr(0, slash);
    body["name"] = trigger->substr(slash + 1);
    co_return json_reply(200, body);
}

Task<Reply> handle_system_info(Context& context, Request&) {
    json::array probes;
    auto look = [&catalog = context.catalog]() -> Result<std::vector<std::string>> {
        return unreadable_rows(catalog);
    };
    const auto unreadable = co_await context.pool.run(std::move(look));
    if (!unreadable) {
        add_probe(probes, "store", "degraded", unreadable.error().message);
    } else {
        for (const auto& row : *unreadable) add_probe(probes, "store", "missing", row);
        if (unreadable->empty()) add_probe(probes, "store", "ok", "every row can be read");
    }
    for (const auto& probe : context.backend.probes()) {
        add_probe(probes, probe.name, name_of(probe.state), probe.detail);
    }
    json::array environments;
    for (const auto& offered : context.options.environments) {
        json::object entry;
        entry["name"] = offered.name;
        entry["image"] = offered.image;
        if (!offered.builder_image.empty()) entry["builderImage"] = offered.builder_image;
        json::array extensions;
        for (const auto& extension : offered.extensions)
            extensions.push_back(json::value(extension));
        entry["extensions"] = std::move(extensions);
        entry["available"] = offered.available;
        entry["remedy"] = offered.remedy;
        environments.push_back(std::move(entry));
    }
    json::object body;
    body["version"] = base::version();
    body["backend"] = context.backend.name();
    body["gatewayUrl"] = context.options.gateway_url;
    body["builds"] = context.backend.builder() != nullptr;
    body["startedAt"] = context.started_at;
    body["revision"] = context.catalog.revision();
    body["probes"] = std::move(probes);
    body["environments"] = std::move(environments);
    co_return json_reply(200, body);
}

}  // namespace hearth::api
