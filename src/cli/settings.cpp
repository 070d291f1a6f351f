#include "cli/settings.hpp"

#include <boost/json.hpp>

#include <fstream>
#include <iterator>

#include "cli/files.hpp"
#include "hearth/model/document.hpp"

namespace hearth::cli {

namespace {

std::string setting(const std::string& given, const EnvironmentLookup& environment,
                    const char* variable) {
    if (!given.empty()) return given;
    return environment(variable).value_or("");
}

std::string trimmed(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
        text.pop_back();
    }
    return text;
}

/// "http://host:port/", "host:port", "unix:/path".
Result<http::Endpoint> parse_address(std::string text, const std::string& source) {
    if (text.starts_with("https://")) {
        return Error(Errc::unsupported,
                     source +
                         ": the API speaks plain HTTP; give http://HOST:PORT, or "
                         "a tunnel's address");
    }
    if (text.starts_with("http://")) text.erase(0, 7);
    while (!text.starts_with("unix:") && text.ends_with('/')) text.pop_back();
    auto endpoint = http::Endpoint::parse(text);
    if (!endpoint) return Error(Errc::invalid_argument, source + ": " + endpoint.error().message);
    // A wildcard is where it listens, not where it is.
    if (endpoint->host == "0.0.0.0") endpoint->host = "127.0.0.1";
    if (endpoint->host == "::") endpoint->host = "::1";
    return endpoint;
}

std::optional<std::string> api_of(const std::string& endpoints_file) {
    auto text = read_file(endpoints_file);
    if (!text) return std::nullopt;
    auto value = model::parse_json(*text);
    if (!value || !value->is_object()) return std::nullopt;
    const auto* api = value->get_object().if_contains("api");
    if (!api || !api->is_string()) return std::nullopt;
    return std::string(api->get_string());
}

Error nothing_running(const std::string& file) {
    return Error(Errc::unavailable,
                 "no daemon found: there is no " + file +
                     "; start one with `hearth serve`, or say where it is with --data DIR, --api "
                     "HOST:PORT or HEARTH_API");
}

}  // namespace

Result<Connection> locate(const Settings& settings, const EnvironmentLookup& environment) {
    Connection connection;
    const std::string given_data = setting(settings.data, environment, "HEARTH_DATA");
    const std::string data = given_data.empty() ? "hearth-data" : given_data;
    const std::string file = data + "/run/endpoints.json";
    const auto local = api_of(file);
    std::string address = setting(settings.api, environment, "HEARTH_API");
    connection.source = settings.api.empty() ? "HEARTH_API" : "--api";
    bool own = !given_data.empty();
    if (address.empty()) {
        if (!local) return nothing_running(file);
        address = *local;
        connection.source = file;
        own = true;
    }
    auto endpoint = parse_address(address, connection.source);
    if (!endpoint) return endpoint.error();
    connection.endpoint = *endpoint;
    connection.host =
        endpoint->type == http::Endpoint::Type::tcp ? endpoint->to_string() : "localhost";
    connection.token = setting(settings.token, environment, "HEARTH_TOKEN");
    if (!connection.token.empty()) return connection;
    if (!own && local) {
        auto there = parse_address(*local, file);
        own = there && *there == connection.endpoint;
    }
    if (own) {
        if (auto token = read_file(data + "/run/admin-token")) connection.token = trimmed(*token);
    }
    return connection;
}

}  // namespace hearth::cli
