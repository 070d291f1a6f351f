#include <boost/json.hpp>

#include "api/handlers.hpp"
#include "api/packages.hpp"
#include "api/present.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::api {

namespace json = boost::json;
using model::Kind;

namespace {

constexpr std::size_t kErrorsShown = 10;
constexpr std::size_t kLinesRead = 500;

json::value object_or_null(Context& context, StatusReader& reader, Kind kind, const std::string& ns,
                           const std::string& name) {
    const auto record = context.catalog.find(kind, ns, name);
    if (!record) return nullptr;
    return shown_record(*record, reader, false);
}

/// Lines of the error stream and of the platform, newest last.
json::array recent_errors(const std::vector<telemetry::LogEntry>& entries) {
    json::array errors;
    for (const auto& entry : entries) {
        const bool error = entry.stream == telemetry::LogEntry::Stream::err ||
                           entry.stream == telemetry::LogEntry::Stream::platform;
        if (!error) continue;
        json::object line;
        line["time"] = base::to_rfc3339(entry.time);
        line["requestId"] = entry.request_id;
        line["instance"] = entry.instance;
        line["message"] = entry.message;
        errors.push_back(std::move(line));
    }
    if (errors.size() > kErrorsShown) {
        const auto surplus = static_cast<std::ptrdiff_t>(errors.size() - kErrorsShown);
        errors.erase(errors.begin(), errors.begin() + surplus);
    }
    return errors;
}

/// Routes, and the triggers that call the function by themselves.
void add_triggers(Context& context, StatusReader& reader, const ObjectKey& function,
                  json::object& body) {
    json::array routes, urls, others;
    const State state(context.catalog);
    for (const auto& key : state.users_of(function)) {
        if (key.kind == Kind::workflow) continue;
        const auto trigger = state.find(key);
        if (!trigger) continue;
        const auto status = reader.status_of(*trigger);
        const bool route = key.kind == Kind::http_trigger;
        (route ? routes : others).push_back(shown(*trigger, false, &status));
        if (route) urls.push_back(json::value(reader.url_of(*trigger)));
    }
    body["routes"] = std::move(routes);
    body["triggers"] = std::move(others);
    body["urls"] = std::move(urls);
}

}  // namespace

Task<Reply> handle_describe(Context& context, Request& request) {
    const ObjectKey key{Kind::function, request.ns, request.name};
    const auto record = context.catalog.find(key.kind, key.ns, key.name);
    if (!record)
        co_return problem(request.id,
                          Error(Errc::not_found, "there is no " + to_string(key), {}, "api"));
    const auto loaded = record->load();
    if (!loaded) co_return problem(request.id, loaded.error());
    const model::Resource& function = *loaded;
    const auto spec = model::decode_function(function);
    if (!spec) co_return problem(request.id, spec.error());

    telemetry::LogQuery query;
    query.ns = key.ns;
    query.function = key.name;
    query.limit = kLinesRead;
    auto read = [&log = context.function_log, query]() -> Result<std::vector<telemetry::LogEntry>> {
        return log.read(query);
    };
    const auto entries = co_await context.pool.run(std::move(read));

    StatusReader reader(context);
    const auto status = reader.status_of(function);
    json::object body;
    body["function"] = shown(function, false, &status);
    body["environment"] =
        object_or_null(context, reader, Kind::environment, key.ns, spec->environment);
    body["package"] = object_or_null(context, reader, Kind::package, key.ns, spec->package);
    add_triggers(context, reader, key, body);
    json::array instances;
    for (const auto& instance : reader.instances()) {
        if (instance.ns == key.ns && instance.function == key.name)
            instances.push_back(to_json(instance));
    }
    body["instances"] = std::move(instances);
    body["pool"] = nullptr;
    for (const auto& pool : reader.pools()) {
        if (pool.ns == key.ns && pool.environment == spec->environment)
            body["pool"] = to_json(pool);
    }
    body["recentErrors"] = entries ? recent_errors(*entries) : json::array();
    co_return json_reply(200, body);
}

}  // namespace hearth::api
