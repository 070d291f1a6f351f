#include <arpa/inet.h>

#include <boost/json.hpp>

#include <algorithm>
#include <array>

#include "hearth/base/quantity.hpp"
#include "model/field_tree.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

bool below(std::string_view path, std::string_view folder) {
    return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

std::string subdomain(std::string_view text) {
    static const TextRule kHostname = text_rule("hostname");
    if (text.empty()) return "must not be empty";
    if (text.front() != '*' && kHostname(text).empty()) return {};
    return "must be a name of lower-case letters, digits, '-' and '.', at most 253";
}

/// The Secrets of Hearth itself and of Helm lie in the same namespace.
std::string secret_name(std::string_view text) {
    if (auto fault = subdomain(text); !fault.empty()) return fault;
    if (text.starts_with("hearth-") || text.starts_with("sh.helm."))
        return "names a Secret of the platform; names that begin with hearth- or sh.helm. are "
               "reserved";
    return {};
}

std::string optional_secret(std::string_view text) {
    return text.empty() ? std::string() : secret_name(text);
}

std::string image(std::string_view text) {
    const bool odd = text.size() > 1024 || std::any_of(text.begin(), text.end(), [](char c) {
                         return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F;
                     });
    return odd ? "must be the name of an image, without spaces" : "";
}

std::string absolute_path(std::string_view text) {
    if (text.empty()) return {};
    if (text.front() != '/') return "must be an absolute path";
    static const TextRule kRelative = text_rule("relpath");
    const auto rest = text.substr(std::min(text.find_first_not_of('/'), text.size()));
    return kRelative(rest);
}

std::string mount_path(std::string_view text) {
    if (auto fault = absolute_path(text); !fault.empty()) return fault;
    if (text.find(':') != std::string_view::npos) return "must not hold ':'";
    std::string plain(text);
    // "/x/./y", "//x" and "/x/" are the folders they name.
    for (const std::string_view odd : {"//", "/./"}) {
        for (auto at = plain.find(odd); at != std::string::npos; at = plain.find(odd))
            plain.replace(at, odd.size(), "/");
    }
    if (plain.ends_with("/.")) plain.erase(plain.size() - 1);
    while (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
    if (plain.empty() || plain == "/") return "must be a folder below '/'";
    static constexpr std::array<std::string_view, 9> kReserved = {
        "/proc",    "/sys",    "/dev",         "/userfunc",       "/secrets",
        "/configs", "/hearth", "/run/secrets", "/var/run/secrets"};
    for (const std::string_view folder : kReserved) {
        if (below(plain, folder))
            return "is below " + std::string(folder) + ", which is reserved for the platform";
    }
    return {};
}

/// Variables of a container are its own affair, but for those Hearth speaks to the runtime with.
std::string container_variable(std::string_view text) {
    const bool fine = !text.empty() && !(text.front() >= '0' && text.front() <= '9') &&
                      std::all_of(text.begin(), text.end(), [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                 (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
                      });
    if (!fine)
        return "may hold letters, digits, '_', '-' and '.' only, and does not begin with a digit";
    if (text.starts_with("HEARTH_") || text.starts_with("FISSION_"))
        return "is reserved for the platform; choose another name";
    return {};
}

std::string field_path(std::string_view text) {
    static constexpr std::array<std::string_view, 10> kFields = {
        "metadata.name",  "metadata.namespace",  "metadata.uid",  "metadata.labels",
        "spec.nodeName",  "status.podIP",        "status.podIPs", "status.hostIP",
        "status.hostIPs", "metadata.annotations"};
    if (std::find(kFields.begin(), kFields.end(), text) != kFields.end()) return {};
    static const TextRule kKey = text_rule("label");
    for (const std::string_view map : {"metadata.labels['", "metadata.annotations['"}) {
        if (!text.starts_with(map) || !text.ends_with("']")) continue;
        return kKey(text.substr(map.size(), text.size() - map.size() - 2));
    }
    return "must be metadata.name, metadata.namespace, metadata.uid, metadata.labels['KEY'], "
           "metadata.annotations['KEY'], spec.nodeName, status.podIP, status.podIPs, "
           "status.hostIP or status.hostIPs";
}

bool is_port_name(std::string_view text) {
    const bool letters =
        std::any_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    const bool only = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    return letters && only && text.size() <= 15 && text.front() != '-' && text.back() != '-' &&
           text.find("--") == std::string_view::npos;
}

std::string port_name(std::string_view text) {
    if (text.empty() || is_port_name(text)) return {};
    return "a port's name has at most 15 lower-case letters, digits and '-', one letter at least";
}

std::string ip_address(std::string_view text) {
    const std::string address(text);
    std::array<unsigned char, 16> bytes{};
    if (::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1 ||
        ::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1)
        return {};
    return "must be an IP address";
}

std::string priority_class(std::string_view text) {
    if (text.empty()) return {};
    if (auto fault = subdomain(text); !fault.empty()) return fault;
    // system-node-critical evicts what keeps the cluster itself alive.
    if (text.starts_with("system-")) return "is one of the cluster's own; choose another class";
    return {};
}

std::string optional_key(std::string_view text) {
    static const TextRule kKey = text_rule("label");
    return text.empty() ? std::string() : kKey(text);
}

std::string port(const json::value& value) {
    if (const auto* number = value.if_int64(); number && *number >= 1 && *number <= 65535)
        return {};
    if (const auto* text = value.if_string(); text && is_port_name(*text)) return {};
    return "must be a port (1 to 65535) or the name of one of the container's ports";
}

/// Fission writes numbers of conditions as quantities, which may be texts.
std::string decimal(const json::value& value) {
    if (value.is_number()) return {};
    if (const auto* text = value.if_string(); text && !text->empty()) {
        char* end = nullptr;
        std::strtod(text->c_str(), &end);
        if (end == text->c_str() + text->size()) return {};
    }
    return "must be a number such as 5, -1.5 or \"100\"";
}

std::string quantity(const json::value& value) {
    if (value.is_int64() && value.get_int64() >= 0) return {};
    if (value.is_double() && value.get_double() >= 0) return {};
    const auto* text = value.if_string();
    if (text && (base::parse_bytes(*text) || base::parse_millicores(*text))) return {};
    return "must be a quantity such as \"500m\", \"64Mi\" or 1";
}

std::string groups(const json::value& value) {
    const auto* list = value.if_array();
    if (!list) return "must be a list of group ids";
    for (const auto& item : *list) {
        const auto* id = item.if_int64();
        if (!id || *id < 1 || *id > 4294967294)
            return "holds " + json::serialize(item) + "; group ids are 1 to 4294967294";
    }
    return {};
}

}  // namespace

TextRule pod_text_rule(std::string_view name) {
    struct Row {
        std::string_view name;
        TextRule rule;
    };
    static constexpr Row kRules[] = {
        {"subdomain", subdomain},   {"secretname", secret_name},
        {"image", image},           {"abspath", absolute_path},
        {"mountpath", mount_path},  {"podenv", container_variable},
        {"fieldpath", field_path},  {"portname", port_name},
        {"ip", ip_address},         {"priorityclass", priority_class},
        {"labelkey", optional_key}, {"optionalsecret", optional_secret},
    };
    for (const Row& row : kRules) {
        if (row.name == name) return row.rule;
    }
    return nullptr;
}

ValueRule value_rule(std::string_view name) {
    if (name == "port") return port;
    if (name == "quantity") return quantity;
    if (name == "decimal") return decimal;
    return name == "groups" ? groups : nullptr;
}

}  // namespace hearth::model
