#include "trigger/async_text.hpp"

#include <boost/json.hpp>

#include "hearth/base/ids.hpp"
#include "trigger/topic_address.hpp"

namespace hearth::trigger {
namespace {

namespace json = boost::json;
using catalog::CallState;

// Of request and answer each, in the message to a destination.
constexpr std::size_t kMostPayload = 64 * 1024;

base::WallTime wall_of(catalog::UnixMs ms) {
    return base::WallTime(std::chrono::milliseconds(ms));
}

std::string function_source(const catalog::CallRequest& request) {
    return "/hearth/functions/" + request.ns + "/" + request.function;
}

Event event_of(const catalog::CallRecord& record) {
    Event event;
    event.id = record.call.id;
    event.source = "/hearth/" + record.origin;
    event.type = "hearth.call.queued";
    event.time = wall_of(record.created);
    return event;
}

bool is_json(const catalog::CallHeaders& headers) {
    for (const auto& [name, value] : headers)
        if (http::same_name(name, "Content-Type"))
            return value.starts_with("application/json") ||
                   value.find("+json") != std::string::npos;
    return false;
}

/// A body within a JSON message: parsed where it is JSON, text where it is UTF-8, else base64.
void put_payload(json::object& into, const std::string& key, const catalog::CallHeaders& headers,
                 const std::string& body) {
    if (body.size() > kMostPayload) {
        into[key + "Truncated"] = true;
        return;
    }
    boost::system::error_code ec;
    if (is_json(headers)) {
        auto value = json::parse(body, ec);
        if (!ec) {
            into[key] = std::move(value);
            return;
        }
    }
    if (catalog::is_text(body)) {
        into[key] = body;
    } else {
        into[key + "Base64"] = base::base64_encode(body);
    }
}

/// Fission's result envelope.
json::object envelope(const catalog::CallRecord& record, const catalog::CallSettlement& end) {
    json::object context;
    context["invocationId"] = record.call.id;
    context["functionRef"] = {{"namespace", record.request.ns}, {"name", record.request.function}};
    context["condition"] = end.state == CallState::succeeded ? "Success" : end.reason;
    context["message"] = end.message;
    context["attempts"] = std::max(end.attempt.number, record.call.attempts);
    context["depth"] = record.depth;
    json::object body;
    body["version"] = "1.0";
    body["requestContext"] = std::move(context);
    put_payload(body, "requestPayload", record.request.headers, record.request.body);
    const auto& result = end.attempt.number > 0 ? end.result : record.result;
    body["responseContext"] = {{"statusCode", result.status}, {"truncated", result.truncated}};
    put_payload(body, "responsePayload", result.headers, result.body);
    return body;
}

/// As a CloudEvent in structured or binary mode.
void put_event(const catalog::CallRecord& record, const catalog::CallSettlement& end,
               const model::CallDestination& to, catalog::CallRequest& request) {
    const bool good = end.state == CallState::succeeded;
    Event event;
    event.id = record.call.id + (good ? "-succeeded" : "-failed");
    event.source = function_source(record.request);
    event.type = good ? "hearth.call.succeeded" : "hearth.call.failed";
    event.time = wall_of(end.due);
    auto data = envelope(record, end);
    if (to.structured) {
        request.headers.emplace_back("Content-Type", "application/cloudevents+json; charset=utf-8");
        json::object whole = {{"specversion", "1.0"},
                              {"id", event.id},
                              {"source", event.source},
                              {"type", event.type},
                              {"time", base::to_rfc3339(*event.time)},
                              {"datacontenttype", "application/json"}};
        whole["data"] = std::move(data);
        request.body = json::serialize(whole);
        return;
    }
    http::HeaderList headers;
    add_event_headers(event, headers);
    for (std::size_t i = 0; i < headers.size(); ++i)
        request.headers.emplace_back(headers.at(i).name, headers.at(i).value);
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = json::serialize(data);
}

}  // namespace

Delivery delivery_of(const catalog::CallRecord& record, int attempt) {
    Delivery delivery;
    const auto& request = record.request;
    delivery.ns = request.ns;
    delivery.function = request.function;
    delivery.trigger = record.origin;
    delivery.event = event_of(record);
    delivery.attempt = attempt;
    delivery.method = request.method;
    delivery.target = request.target;
    for (const auto& [name, value] : request.headers) {
        if (http::same_name(name, "X-Request-Id")) {
            delivery.request_id = value;
        } else {
            delivery.headers.add(name, value);
        }
    }
    delivery.headers.set("X-Hearth-Call-Id", record.call.id);
    delivery.headers.set("X-Fission-Invocation-Id", record.call.id);
    delivery.headers.set("X-Fission-Invocation-Attempt", std::to_string(attempt));
    delivery.headers.set("X-Fission-Invocation-Depth", std::to_string(record.depth));
    delivery.body = request.body;
    return delivery;
}

Result<http::WebRequest> web_request_of(const catalog::CallRecord& record, int attempt) {
    auto address = http::WebAddress::parse(record.request.url);
    if (!address) return address.error();
    http::WebRequest request;
    request.method = record.request.method;
    request.address = std::move(*address);
    for (const auto& [name, value] : record.request.headers) request.headers.add(name, value);
    request.headers.set("X-Hearth-Call-Id", record.call.id);
    request.headers.set("X-Hearth-Attempt", std::to_string(attempt));
    request.body = record.request.body;
    return request;
}

catalog::CallResult result_of(const invoke::CallAnswer& answer) {
    catalog::CallResult result;
    if (answer.error) return result;
    result.status = answer.status;
    for (std::size_t i = 0; i < answer.headers.size(); ++i)
        result.headers.emplace_back(answer.headers.at(i).name, answer.headers.at(i).value);
    result.body = answer.body;
    result.truncated = answer.truncated;
    return result;
}

std::optional<catalog::NewCall> follow_up(const model::Invocation& policy,
                                          const catalog::CallRecord& record,
                                          const catalog::CallSettlement& settlement) {
    const bool good = settlement.state == CallState::succeeded;
    const auto& to = good ? policy.on_success : policy.on_failure;
    if (to.empty() || record.depth >= kMostDestinations || !record.request.url.empty())
        return std::nullopt;
    catalog::NewCall call;
    call.request.ns = record.request.ns;
    call.request.function = to.function;
    call.request.url = to.topic.name.empty() ? to.url : topic_url(to.topic);
    call.origin = std::string(good ? "onSuccess" : "onFailure") + " of " + record.call.id;
    call.depth = record.depth + 1;
    call.created = call.due = settlement.due;
    call.expires = settlement.due + policy.max_age.count();
    put_event(record, settlement, to, call.request);
    return call;
}

}  // namespace hearth::trigger
