#include "api/reply.hpp"

#include <boost/json.hpp>

#include "hearth/http/problem.hpp"

namespace hearth::api {

namespace json = boost::json;

Reply json_reply(int status, const json::value& value) {
    Reply reply;
    reply.head.status = status;
    reply.head.headers.set("Content-Type", "application/json");
    reply.body = json::serialize(value);
    reply.body += '\n';
    return reply;
}

Reply text_reply(int status, std::string text, std::string_view media) {
    Reply reply;
    reply.head.status = status;
    reply.head.headers.set("Content-Type", media);
    reply.body = std::move(text);
    return reply;
}

Reply sent_reply() {
    Reply reply;
    reply.sent = true;
    return reply;
}

Reply problem(std::string_view request_id, const Error& error, int status,
              const std::vector<model::Fault>& faults, json::object extra) {
    if (status == 0) status = http::status_of(error.code);
    if (!faults.empty()) {
        json::array errors;
        for (const auto& fault : faults) errors.push_back(model::to_json(fault));
        extra["errors"] = std::move(errors);
    }
    Error named = error;
    if (named.component.empty()) named.component = "api";
    Reply reply;
    reply.head = http::problem_head(status);
    if (status == 401) reply.head.headers.set("WWW-Authenticate", "Bearer realm=\"hearth\"");
    reply.body = http::problem_body(status, named, request_id, extra);
    return reply;
}

}  // namespace hearth::api
