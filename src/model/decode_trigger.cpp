#include <boost/json.hpp>

#include <algorithm>

#include "hearth/base/quantity.hpp"
#include "hearth/model/specs.hpp"
#include "model/spec_view.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

using std::chrono::milliseconds;

std::string upper(std::string text) {
    for (char& c : text) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    }
    return text;
}

std::vector<std::string> upper_all(std::vector<std::string> words) {
    std::vector<std::string> out;
    for (std::string& word : words) {
        std::string method = upper(std::move(word));
        const bool fresh = std::find(out.begin(), out.end(), method) == out.end();
        if (fresh && !method.empty()) out.push_back(std::move(method));
    }
    return out;
}

Error broken(const Resource& resource, const std::string& what) {
    return Error(Errc::internal, "HTTPTrigger " + qualified(resource.metadata) + ": " + what);
}

std::vector<std::string> decode_methods(const json::object& spec) {
    auto methods = strings_at(spec, "methods");
    if (const auto method = text_at(spec, "method"); !method.empty()) methods.emplace_back(method);
    methods = upper_all(std::move(methods));
    if (methods.empty()) methods.emplace_back("GET");
    return methods;
}

Result<CorsConfig> decode_cors(const Resource& resource, const json::object& cors) {
    CorsConfig out;
    out.allow_origins = strings_at(cors, "allowOrigins");
    out.allow_methods = upper_all(strings_at(cors, "allowMethods"));
    out.allow_headers = strings_at(cors, "allowHeaders");
    out.expose_headers = strings_at(cors, "exposeHeaders");
    out.allow_credentials = bool_at(cors, "allowCredentials");
    if (const auto text = text_at(cors, "maxAge"); !text.empty()) {
        auto age = base::parse_duration_ms(text);
        if (!age) return broken(resource, "spec.corsConfig.maxAge: " + age.error().message);
        out.max_age = std::chrono::duration_cast<std::chrono::seconds>(milliseconds(*age));
    }
    return out;
}

void apply_preset(std::string_view preset, RouteAuth::Hmac& signature) {
    using Scheme = RouteAuth::Hmac::Scheme;
    if (preset == "stripe") {
        signature.scheme = Scheme::stripe;
        signature.header = "Stripe-Signature";
        signature.prefix = "v1=";
    } else if (preset == "slack") {
        signature.scheme = Scheme::slack;
        signature.header = "X-Slack-Signature";
        signature.prefix = "v0=";
    }
}

Result<void> decode_auth(const Resource& resource, RouteAuth& out) {
    out.api_key_secret = text_at(resource.spec, "auth.apiKeySecret");
    const auto* hmac = object_at(resource.spec, "auth.hmac");
    if (!hmac) return {};
    RouteAuth::Hmac signature;
    signature.secret = text_at(*hmac, "secret");
    signature.key = text_at(*hmac, "key");
    apply_preset(text_at(*hmac, "preset"), signature);
    if (const auto header = text_at(*hmac, "header"); !header.empty()) signature.header = header;
    // An empty prefix is a choice: the bare digest.
    if (const auto* prefix = value_at(*hmac, "prefix"); prefix && prefix->is_string()) {
        signature.prefix = std::string(prefix->get_string());
    }
    if (const auto text = text_at(*hmac, "tolerance"); !text.empty()) {
        auto tolerance = base::parse_duration_ms(text);
        if (!tolerance)
            return broken(resource, "spec.auth.hmac.tolerance: " + tolerance.error().message);
        signature.tolerance = milliseconds(*tolerance);
    }
    out.hmac = std::move(signature);
    return {};
}

}  // namespace

Result<HttpTriggerSpec> decode_http_trigger(const Resource& resource) {
    HttpTriggerSpec out;
    const json::object& spec = resource.spec;
    out.host = text_at(spec, "host");
    if (out.host == "*") out.host.clear();
    if (const auto prefix = text_at(spec, "prefix"); !prefix.empty()) {
        out.prefix = std::string(prefix);
    } else {
        out.path = text_at(spec, "relativeurl");
        if (out.path.empty()) return broken(resource, "spec.relativeurl is missing");
    }
    out.function = text_at(spec, "functionref.name");
    out.workflow = text_at(spec, "functionref.type") == "workflow";
    if (out.function.empty()) return broken(resource, "spec.functionref.name is missing");
    out.keep_prefix = bool_at(spec, "keepPrefix");
    out.methods = decode_methods(spec);
    if (const auto* cors = object_at(spec, "corsConfig")) {
        auto decoded = decode_cors(resource, *cors);
        if (!decoded) return decoded.error();
        out.cors = std::move(*decoded);
    }
    if (auto done = decode_auth(resource, out.auth); done.has_error()) return done.error();
    if (const auto text = text_at(spec, "timeout"); !text.empty()) {
        auto limit = base::parse_duration_ms(text);
        if (!limit) return broken(resource, "spec.timeout: " + limit.error().message);
        out.timeout = milliseconds(*limit);
    }
    if (const auto* size = value_at(spec, "maxBodySize"); size && !size->is_null()) {
        auto bytes = base::parse_bytes(size->is_string() ? std::string(size->get_string())
                                                         : json::serialize(*size));
        if (!bytes) return broken(resource, "spec.maxBodySize: " + bytes.error().message);
        out.max_body_bytes = *bytes;
    }
    out.server_timing = bool_at(spec, "serverTiming");
    const auto events = text_at(spec, "cloudEvents");
    if (events == "binary") out.cloud_events = HttpTriggerSpec::Events::binary;
    if (events == "structured") out.cloud_events = HttpTriggerSpec::Events::structured;
    out.async = text_at(spec, "invocationMode") == "async";
    return out;
}

}  // namespace hearth::model
