#include "model/field_tables.hpp"

namespace hearth::model {

namespace {

using enum FieldType;

constexpr FieldRow kHttpTrigger[] = {
    {"spec", object, true, "", "", "Which requests go to which function."},
    {"spec.host", string, false, "", "hostname", "Host the route is for; any when empty."},
    {"spec.relativeurl", string, false, "", "route",
     "Exact path; a segment `{name}` takes any one segment. One of `relativeurl` and `prefix` is "
     "needed."},
    {"spec.prefix", string, false, "", "prefix",
     "Path and everything below it, cut at `/`; goes before `relativeurl`."},
    {"spec.keepPrefix", boolean, false, "false", "", "The function sees the path with the prefix."},
    {"spec.method", string, false, "", "method", "Deprecated: one method; joins `methods`."},
    {"spec.methods", string_list, false, "GET", "method", "HTTP methods the route answers."},
    {"spec.functionref", object, true, "", "", "The function that is called."},
    {"spec.functionref.type", string, false, "name", "enum:,name,workflow,function-weights",
     "`name`, or `workflow`: a run of a Workflow is started; weights come with canary releases and "
     "are refused."},
    {"spec.functionref.name", string, true, "", "dns1123", "Name of the Function or Workflow."},
    {"spec.functionref.alias", string, false, "", "", "Refused: comes with versions."},
    {"spec.functionref.version", string, false, "", "", "Refused: comes with versions."},
    {"spec.functionref.functionweights", any, false, "", "", "Refused unless empty."},
    {"spec.invocationMode", string, false, "", "enum:,async",
     "Empty: the caller waits. `async`: it is answered 202 once the call is stored, and the "
     "function is called after that (Function spec.invocation)."},
    {"spec.createingress", boolean, false, "false", "noeffect",
     "Deprecated; without effect on the process backend."},
    {"spec.ingressconfig", any, false, "", "",
     "Deprecated; without effect on the process backend."},
    {"spec.routeConfig", any, false, "", "noeffect",
     "Kubernetes ingress or gateway; without effect on the process backend."},
    {"spec.corsConfig", object, false, "", "",
     "Cross-origin requests browsers may make; none when absent."},
    {"spec.corsConfig.allowOrigins", string_list, false, "", "origin", "Origins, or `*`."},
    {"spec.corsConfig.allowMethods", string_list, false, "", "method",
     "Methods; the route's own when empty."},
    {"spec.corsConfig.allowHeaders", string_list, false, "", "nonempty-items",
     "Request headers, or `*`."},
    {"spec.corsConfig.exposeHeaders", string_list, false, "", "nonempty-items",
     "Response headers scripts may read."},
    {"spec.corsConfig.allowCredentials", boolean, false, "false", "",
     "Cookies may be sent; not with origin `*`."},
    {"spec.corsConfig.maxAge", duration, false, "0s", "", "How long a browser keeps the answer."},
    {"spec.auth", object, false, "", "", "What a caller must show; nothing when absent."},
    {"spec.auth.apiKeySecret", string, false, "", "dns1123",
     "Secret whose values are the accepted keys (X-API-Key or Bearer)."},
    {"spec.auth.hmac", object, false, "", "", "The body must be signed, as webhooks do."},
    {"spec.auth.hmac.secret", string, true, "", "dns1123", "Secret that holds the key."},
    {"spec.auth.hmac.key", string, true, "", "nonempty", "Key within the secret."},
    {"spec.auth.hmac.preset", string, false, "", "enum:,github,stripe,slack",
     "How the sender signs; sets header, prefix and what is signed. Empty: the body, as header "
     "and prefix say."},
    {"spec.auth.hmac.tolerance", duration, false, "5m", "positive",
     "Presets stripe and slack: how far the signed time may be from now; older ones are replays."},
    {"spec.auth.hmac.header", string, false, "X-Hub-Signature-256", "header",
     "Header of the signature."},
    {"spec.auth.hmac.prefix", string, false, "sha256=", "maxlen:64",
     "Text before the hexadecimal HMAC-SHA256."},
    {"spec.timeout", duration, false, "", "positive", "Shortens the function's own time limit."},
    {"spec.maxBodySize", bytes, false, "", "",
     "Largest request body, such as `10Mi`; the gateway's own when absent."},
    {"spec.cloudEvents", string, false, "", "enum:,binary,structured",
     "Requests must be CloudEvents 1.0 in binary or structured mode, else 400, and reach the "
     "function in this one. Empty: they pass as they are."},
    {"spec.serverTiming", boolean, false, "false", "", "Every answer carries Server-Timing."},
};

}  // namespace

std::span<const FieldRow> http_trigger_fields() {
    return kHttpTrigger;
}

}  // namespace hearth::model
