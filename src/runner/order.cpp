#include "runner/order.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>

#include "runner/configuration.hpp"
#include "runner/encoding.hpp"
#include "runner/safe_path.hpp"

namespace hearth::runner {
namespace {

namespace json = boost::json;

constexpr std::int64_t kLongestLimitMs = 3'600'000;
constexpr std::int64_t kMostBytes = std::int64_t{64} << 30;
constexpr std::int64_t kMostFiles = 10'000'000;

std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : "/") + part;
    return out;
}

/// Reads members of one object; keeps the first thing wrong with any.
class Members {
 public:
    explicit Members(const json::object& object) : object_(object) {}

    std::string text(const char* name) {
        const json::value* value = find(name);
        if (value == nullptr) return "";
        if (const json::string* text = value->if_string()) return std::string(*text);
        complain(name, "must be a text");
        return "";
    }
    std::int64_t number(const char* name, std::int64_t otherwise, std::int64_t least,
                        std::int64_t most) {
        const json::value* value = find(name);
        if (value == nullptr) return otherwise;
        const std::int64_t* number = value->if_int64();
        if (number != nullptr && *number >= least && *number <= most) return *number;
        complain(name,
                 "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
        return otherwise;
    }
    json::object object(const char* name) {
        const json::value* value = find(name);
        if (value == nullptr) return {};
        if (const json::object* object = value->if_object()) return *object;
        complain(name, "must be an object");
        return {};
    }
    FileMap files(const char* name) {
        FileMap out;
        for (const auto& [key, value] : object(name)) {
            const std::string path(key);
            auto parts = safe_path(path);
            if (!parts || parts->size() < 2 || joined(*parts) != path) {
                complain(name, "has the path " + shown(path) + "; it must be namespace/name/key");
                continue;
            }
            const json::string* text = value.if_string();
            auto bytes = text == nullptr ? std::nullopt : decode_base64(*text);
            if (!bytes) {
                complain(name, "must give " + shown(path) + " as base64");
                continue;
            }
            out[path] = std::move(*bytes);
        }
        return out;
    }
    void complain(const char* name, const std::string& what) {
        if (fault_.empty()) fault_ = std::string(name) + ' ' + what;
    }
    const std::string& fault() const { return fault_; }

 private:
    const json::value* find(const char* name) const {
        const json::value* value = object_.if_contains(name);
        return value == nullptr || value->is_null() ? nullptr : value;
    }

    const json::object& object_;
    std::string fault_;
};

Result<json::object> parse_object(std::string_view text, const char* what) {
    json::error_code ec;
    json::value value = json::parse(text, ec);
    if (ec) return refused(std::string(what) + " is not JSON: " + ec.message());
    if (json::object* object = value.if_object()) return std::move(*object);
    return refused(std::string(what) + " must be a JSON object");
}

Settings settings_of(Members& members) {
    Settings out;
    out.secrets = members.files("secrets");
    out.configs = members.files("configs");
    return out;
}

void read_archive(Members& members, LoadOrder& order) {
    const std::string archive = members.text("archive");
    const std::string peer = members.text("peer");
    order.digest = members.text("digest");
    order.file = members.text("file");
    order.bounds.bytes = static_cast<std::uint64_t>(
        members.number("maxBytes", static_cast<std::int64_t>(order.bounds.bytes), 1, kMostBytes));
    order.bounds.files =
        static_cast<std::uint32_t>(members.number("maxFiles", order.bounds.files, 1, kMostFiles));
    if (archive == "tar" || archive.empty()) {
        order.archive = LoadOrder::Archive::follows;
    } else if (archive == "none") {
        order.archive = LoadOrder::Archive::present;
    } else if (archive == "peer") {
        order.archive = LoadOrder::Archive::peer;
        auto endpoint = parse_endpoint(peer);
        if (endpoint) {
            order.peer = *endpoint;
        } else {
            members.complain("peer", endpoint.error().detail);
        }
    } else {
        members.complain("archive", "must be tar, none or peer");
    }
    const bool nothing = order.digest.empty() && order.archive == LoadOrder::Archive::present;
    if (!nothing && !is_digest(order.digest)) {
        members.complain("digest", "must be 8 to 128 letters, digits or hyphens");
    }
    if (!order.file.empty() && !safe_path(order.file)) {
        members.complain("file", "must be a path inside the archive");
    }
}

void read_env(Members& members, LoadOrder& order) {
    order.env = members.object("env");
    for (const auto& [name, value] : order.env) {
        if (!value.is_string()) members.complain("env", "must be an object of texts");
    }
}

}  // namespace

bool is_digest(std::string_view text) {
    return text.size() >= 8 && text.size() <= 128 && text.front() != '-' &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-';
           });
}

Result<LoadOrder> parse_order(std::string_view line) {
    auto object = parse_object(line, "the first line");
    if (!object) return object.error();
    Members members(*object);
    LoadOrder order;
    order.identity = members.text("identity");
    if (order.identity.empty()) members.complain("identity", "must be a text");
    read_archive(members, order);
    order.function_name = members.text("functionName");
    order.function = members.object("function");
    order.metadata = members.object("metadata");
    order.contract = static_cast<int>(members.number("contract", order.contract, 1, 3));
    order.environment_version = members.number("envVersion", order.contract, 0, 1000);
    read_env(members, order);
    order.settings = settings_of(members);
    order.limit = std::chrono::milliseconds(
        members.number("timeoutMs", order.limit.count(), 1, kLongestLimitMs));
    if (!members.fault().empty()) return refused(members.fault());
    return order;
}

Result<Settings> parse_settings(std::string_view text) {
    auto object = parse_object(text, "the body");
    if (!object) return object.error();
    Members members(*object);
    Settings settings = settings_of(members);
    if (!members.fault().empty()) return refused(members.fault());
    return settings;
}

}  // namespace hearth::runner
