#include "hearth/http/web_address.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

#include <algorithm>
#include <array>

namespace hearth::http {
namespace {

namespace ip = boost::asio::ip;
namespace urls = boost::urls;

constexpr std::size_t kLongestUrl = 4096;
constexpr std::size_t kLongestHost = 253;

/// IANA's special-purpose registry, without what it calls globally reachable.
constexpr std::array kSpecialV4 = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
};
constexpr const char* kGlobalV6 = "2000::/3";
constexpr std::array kSpecialV6 = {"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"};

bool within(const ip::address_v4& address, const char* network) {
    const auto net = ip::make_network_v4(network);
    return (address.to_uint() & net.netmask().to_uint()) == net.network().to_uint();
}

bool within(const ip::address_v6& address, const char* network) {
    const auto net = ip::make_network_v6(network);
    return ip::network_v6(address, net.prefix_length()).network() == net.network();
}

bool host_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

Error bad(std::string_view why) {
    return Error(Errc::invalid_argument, "the address " + std::string(why), {}, "http");
}

/// A name or a numeric address; anything else would end up in a Host header or a look-up.
Result<std::string> host_of(const urls::url_view& url) {
    std::string host = url.host_address();
    if (host.empty()) return bad("names no host");
    if (url.host_type() == urls::host_type::ipvfuture) return bad("has a host of an unknown form");
    if (url.host_type() == urls::host_type::ipv6) {
        boost::system::error_code ec;
        const auto address = ip::make_address_v6(host, ec);
        if (ec || address.scope_id() != 0) return bad("has a host that is no IPv6 address");
        return address.to_string();
    }
    if (host.size() > kLongestHost || !std::all_of(host.begin(), host.end(), host_character))
        return bad("has a host name with characters that no host name has");
    return host;
}

Result<WebAddress> take_apart(const urls::url_view& url) {
    WebAddress out;
    if (url.scheme_id() == urls::scheme::https) {
        out.tls = true;
    } else if (url.scheme_id() == urls::scheme::http) {
        out.tls = false;
    } else {
        return bad("must begin with https:// or http://");
    }
    if (url.has_userinfo()) return bad("must not hold a user name or password");
    if (url.has_fragment()) return bad("must not hold a fragment (#)");
    auto host = host_of(url);
    if (!host) return host.error();
    out.host = std::move(*host);
    out.port = out.tls ? 443 : 80;
    if (url.has_port() && !url.port().empty()) {
        out.port = url.port_number();
        if (out.port == 0) return bad("has a port that is none");
    }
    // Without a slash it is not a path but what follows a host or port that is none.
    if (const auto path = url.encoded_path(); !path.empty() && path.front() != '/')
        return bad("has a host or port that is none");
    out.target = std::string(std::string_view(url.encoded_target()));
    if (!out.target.starts_with('/')) out.target.insert(0, "/");
    return out;
}

}  // namespace

Result<WebAddress> WebAddress::parse(std::string_view url) {
    if (url.size() > kLongestUrl) return bad("is longer than 4096 characters");
    const auto parsed = urls::parse_uri(urls::string_view(url.data(), url.size()));
    if (!parsed) return bad("is no URL");
    return take_apart(*parsed);
}

Result<WebAddress> WebAddress::follow(std::string_view location) const {
    if (location.size() > kLongestUrl) return bad("is longer than 4096 characters");
    const auto reference =
        urls::parse_uri_reference(urls::string_view(location.data(), location.size()));
    if (!reference) return bad("is no URL");
    const std::string own = (tls ? "https://" : "http://") + authority() + target;
    const auto base = urls::parse_uri(own);
    if (!base) return bad("is no URL");
    urls::url resolved;
    if (!urls::resolve(*base, *reference, resolved)) return bad("is no URL");
    resolved.remove_fragment();
    return take_apart(resolved);
}

std::string WebAddress::authority() const {
    std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
    if (port != (tls ? 443 : 80)) text += ":" + std::to_string(port);
    return text;
}

std::string WebAddress::to_string() const {
    return (tls ? "https://" : "http://") + authority() + target.substr(0, target.find('?'));
}

bool is_public_address(std::string_view numeric) {
    boost::system::error_code ec;
    const auto address = ip::make_address(std::string(numeric), ec);
    if (ec) return false;
    if (address.is_v4()) {
        const auto v4 = address.to_v4();
        return std::none_of(kSpecialV4.begin(), kSpecialV4.end(),
                            [&](const char* network) { return within(v4, network); });
    }
    const auto v6 = address.to_v6();
    return within(v6, kGlobalV6) &&
           std::none_of(kSpecialV6.begin(), kSpecialV6.end(),
                        [&](const char* network) { return within(v6, network); });
}

}  // namespace hearth::http
