#include "runner/configuration.hpp"

#include <charconv>

namespace hearth::runner {
namespace {

Result<Endpoint> endpoint_of(const char* name, std::string_view text) {
    auto endpoint = parse_endpoint(text);
    if (!endpoint) return refused(std::string(name) + ": " + endpoint.error().detail);
    return endpoint;
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
    const std::string shown(text.substr(0, 80));
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return refused('"' + shown + "\" must be ADDRESS:PORT");
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    unsigned short number = 0;
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (ec != std::errc() || end != port.data() + port.size()) {
        return refused('"' + shown + "\" has no port between 0 and 65535");
    }
    boost::system::error_code bad;
    const auto address = net::ip::make_address(std::string(host), bad);
    if (bad) return refused('"' + shown + "\" has no IP address (names are not resolved)");
    return Endpoint(address, number);
}

Result<Configuration> read_configuration(const std::function<const char*(const char*)>& variable) {
    const auto value = [&](const char* name, const char* otherwise) -> std::string {
        const char* text = variable(name);
        return text == nullptr ? otherwise : text;
    };
    Configuration out;
    auto listen =
        endpoint_of("HEARTH_RUNNER_LISTEN", value("HEARTH_RUNNER_LISTEN", "0.0.0.0:8889"));
    if (!listen) return listen.error();
    out.listen = *listen;
    out.token_file = value("HEARTH_RUNNER_TOKEN_FILE", "/hearth/token");
    out.pod_uid = value("HEARTH_POD_UID", "");
    out.pod_name = value("HEARTH_POD_NAME", "");
    const std::string environment = value("HEARTH_ENVIRONMENT", "127.0.0.1:8888");
    if (!environment.empty()) {
        auto endpoint = endpoint_of("HEARTH_ENVIRONMENT", environment);
        if (!endpoint) return endpoint.error();
        out.environment = *endpoint;
    }
    out.root = value("HEARTH_RUNNER_ROOT", "/");
    if (!out.root.starts_with('/')) return refused("HEARTH_RUNNER_ROOT must be an absolute path");
    while (out.root.ends_with('/')) out.root.pop_back();
    out.build_folder = value("HEARTH_BUILD_FOLDER", "/hearth/build");
    out.cache_folder = value("HEARTH_BUILD_CACHE", "");
    const std::string ready = value("HEARTH_READY_WHEN", "environment");
    if (ready == "loaded") {
        out.ready_when = Configuration::ReadyWhen::code_is_loaded;
    } else if (ready != "environment" && !ready.empty()) {
        return refused("HEARTH_READY_WHEN is \"" + ready + "\"; it must be environment or loaded");
    }
    return out;
}

}  // namespace hearth::runner
