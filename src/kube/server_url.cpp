#include "kube/server_url.hpp"

#include <charconv>

namespace hearth::kube {
namespace {

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

/// "host", "host:1", "[::1]", "[::1]:1"; false when it is none of them.
bool set_host_and_port(Access& access, std::string_view text) {
    std::string_view port;
    if (take_prefix(text, "[")) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return false;
        access.host = text.substr(0, end);
        text.remove_prefix(end + 1);
        if (!text.empty() && !take_prefix(text, ":")) return false;
        port = text;
    } else {
        const auto colon = text.find(':');
        access.host = text.substr(0, colon);
        if (colon != std::string_view::npos) port = text.substr(colon + 1);
    }
    if (access.host.empty() || access.host.find_first_of("@?# ") != std::string::npos) return false;
    if (port.empty()) return true;
    unsigned number = 0;
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (ec != std::errc() || end != port.data() + port.size() || number == 0 || number > 65535)
        return false;
    access.port = static_cast<std::uint16_t>(number);
    return true;
}

}  // namespace

Result<void> set_server(Access& access, std::string_view url) {
    const Error bad(Errc::invalid_argument, "\"" + std::string(url) +
                                                "\" is no address of an API server; write it as "
                                                "https://host:6443");
    if (take_prefix(url, "https://")) {
        access.tls = true;
        access.port = 443;
    } else if (take_prefix(url, "http://")) {
        access.tls = false;
        access.port = 80;
    } else {
        return bad;
    }
    if (const auto slash = url.find('/'); slash != std::string_view::npos) {
        access.path_prefix = url.substr(slash);
        while (access.path_prefix.ends_with('/')) access.path_prefix.pop_back();
        url = url.substr(0, slash);
    }
    if (!set_host_and_port(access, url)) return bad;
    return {};
}

}  // namespace hearth::kube
