#include <boost/asio/co_spawn.hpp>

#include <fstream>
#include <future>

#include "app/daemon_parts.hpp"
#include "app/run_files.hpp"
#include "hearth/base/version.hpp"
#include "hearth/http/web_turns.hpp"
#include "hearth/s3/s3_archive_store.hpp"

namespace hearth::app {
namespace {

std::string url_of(const http::Endpoint& endpoint) {
    return "http://" + endpoint.to_string();
}

/// What the configuration's `key` names.
Result<std::string> read_authorities(const std::filesystem::path& file, const std::string& key) {
    if (file.empty()) return std::string();
    std::ifstream in(file, std::ios::binary);
    std::string pem(std::istreambuf_iterator<char>(in), {});
    if (in && !pem.empty()) return pem;
    return Error(Errc::invalid_argument, key + " " + file.string() + " cannot be read or is empty");
}

}  // namespace

std::vector<api::OfferedEnvironment> Daemon::Parts::offered() const {
    const auto probes = backend->probes();
    std::vector<api::OfferedEnvironment> list;
    for (const auto& environment : environments) {
        api::OfferedEnvironment offer;
        offer.name = environment.name;
        offer.image = environment.image;
        if (environment.builder && backend->builder() != nullptr)
            offer.builder_image = environment.builder->image;
        offer.starter = environment.folder / "starter";
        offer.extensions = environment.extensions;
        for (const auto& probe : probes) {
            if (probe.name == environment.name && probe.state == backend::Probe::State::missing) {
                offer.available = false;
                offer.remedy = probe.detail;
            }
        }
        list.push_back(std::move(offer));
    }
    return list;
}

Task<void> Daemon::Parts::call_function(http::Exchange& exchange, std::string ns, std::string name,
                                        std::string target) {
    const std::string request_id = invoke::request_id_of(exchange.request());
    invoke::Call call;
    call.function = executor->find(ns, name);
    call.request_id = request_id;
    call.target = std::move(target);
    call.max_body = config.gateway.max_body_bytes;
    call.server_timing = true;
    call.drop_authorization = true;
    co_await invoker->serve(exchange, call);
}

Result<void> Daemon::Parts::open_bucket() {
    const auto& wanted = config.archives.s3;
    auto authorities = read_authorities(wanted.ca_file, "archives.s3.caFile");
    if (!authorities) return authorities.error();
    s3::S3Options options;
    options.endpoint = wanted.endpoint;
    options.bucket = wanted.bucket;
    options.region = wanted.region;
    options.prefix = wanted.prefix;
    options.credentials_file = wanted.credentials_file;
    options.ca_pem = std::move(*authorities);
    options.cache_bytes = wanted.cache_bytes;
    options.max_archive_bytes = config.packages.max_bytes;
    options.timeout = wanted.timeout;
    auto opened =
        s3::open_s3_archive_store(options, std::move(archives), shards, pool, log, metrics);
    if (!opened) return opened.error();
    archives = std::move(*opened);
    return {};
}

Result<void> Daemon::Parts::open_web() {
    http::WebClientOptions options;
    options.private_addresses = config.packages.allow_private_addresses;
    options.user_agent = "hearth/" + std::string(base::version());
    auto authorities = read_authorities(config.packages.ca_file, "packages.caFile");
    if (!authorities) return authorities.error();
    options.ca_pem = std::move(*authorities);
    auto made = http::WebClient::make(std::move(options), pool);
    if (!made)
        return Error(made.error().code, "packages.caFile " + config.packages.ca_file.string() +
                                            ": " + made.error().message);
    web = http::take_turns(std::move(*made), config.packages.fetches_at_once);
    return {};
}

void Daemon::Parts::make_api() {
    api::ApiOptions options;
    options.require_auth = config.auth.required;
    options.gateway_url = url_of(gateway_server->endpoint());
    options.environments = offered();
    options.max_archive_bytes = config.packages.max_bytes;
    options.fetch_timeout = config.packages.fetch_timeout;
    api::Ports ports;
    ports.web = web;
    ports.calls = async_calls.get();
    ports.runs = workflows.get();
    ports.route_conflicts = [](const model::Resource& trigger,
                               const std::vector<catalog::RecordPtr>& others) {
        std::vector<std::string> texts;
        const auto spec = model::decode_http_trigger(trigger);
        if (!spec) return texts;
        for (const auto& conflict : gateway::route_conflicts(trigger.metadata, *spec, others)) {
            texts.push_back("conflicts with " + conflict.with + ": " + conflict.reason);
        }
        return texts;
    };
    ports.call = [this](http::Exchange& exchange, std::string ns, std::string name,
                        std::string target) {
        return call_function(exchange, std::move(ns), std::move(name), std::move(target));
    };
    ports.builds = builds.get();
    ports.trigger_status = [this](const model::Resource& trigger) {
        if (trigger.kind == model::Kind::time_trigger) return timers->status(trigger);
        return trigger.kind == model::Kind::message_queue_trigger ? queues->status(trigger)
                                                                  : watches->status(trigger);
    };
    ports.match_route = [this](std::string_view host, std::string_view method,
                               std::string_view path) {
        return gateway->match(host, method, path);
    };
    api = api::Api::make(options, ports, *catalog, *archives, *executor, *backend, pool,
                         function_log, log, metrics);
}

Result<void> Daemon::Parts::announce() {
    std::promise<Result<void>> done;
    auto report = [&done](std::exception_ptr thrown, Result<void> result) {
        if (thrown)
            done.set_value(Error(Errc::internal, "making the admin token failed"));
        else
            done.set_value(std::move(result));
    };
    aio::net::co_spawn(shards.first().executor(),
                       api::ensure_admin_token(*catalog, config.data / "run" / "admin-token"),
                       report);
    if (auto token = done.get_future().get(); token.has_error()) return token.error();
    const std::string gateway_address = gateway_server->endpoint().to_string();
    const std::string api_address = api_server->endpoint().to_string();
    if (auto written = write_endpoints(config.data, gateway_address, api_address);
        written.has_error())
        return written;
    log.log(telemetry::Level::info, "app", "serving",
            {{"version", std::string(base::version())},
             {"gateway", url_of(gateway_server->endpoint())},
             {"api", url_of(api_server->endpoint())},
             {"data", config.data.string()},
             {"admin_token_file", (config.data / "run" / "admin-token").string()}});
    return {};
}

}  // namespace hearth::app
