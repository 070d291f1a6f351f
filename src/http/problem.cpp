#include "hearth/http/problem.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace hearth::http {

int status_of(Errc code) {
    switch (code) {
        case Errc::invalid_argument:
            return 400;
        case Errc::unauthenticated:
            return 401;
        case Errc::forbidden:
            return 403;
        case Errc::not_found:
            return 404;
        case Errc::already_exists:
            return 409;
        case Errc::conflict:
            return 409;
        case Errc::too_large:
            return 413;
        case Errc::unsupported:
            return 501;
        case Errc::exhausted:
            return 429;
        case Errc::unavailable:
            return 503;
        case Errc::deadline_exceeded:
            return 504;
        case Errc::cancelled:
            return 499;
        case Errc::function_failed:
            return 502;
        case Errc::no_space:
            return 507;
        case Errc::io:
            return 500;
        case Errc::internal:
            return 500;
    }
    return 500;
}

std::string problem_body(int status, const Error& error, std::string_view request_id,
                         const boost::json::object& extra) {
    boost::json::object body;
    body["type"] = "about:blank";
    body["title"] = reason_phrase(status);
    body["status"] = status;
    body["detail"] = error.message;
    body["code"] = base::to_string(error.code);
    if (!error.component.empty()) body["component"] = error.component;
    if (!request_id.empty()) body["requestId"] = request_id;
    if (!error.detail.empty()) body["trace"] = error.detail;
    for (const auto& [key, value] : extra) body[key] = value;
    return boost::json::serialize(body) + "\n";
}

ResponseHead problem_head(int status) {
    ResponseHead head;
    head.status = status;
    head.headers.add("Content-Type", "application/problem+json");
    if (status == 429 || status == 503) head.headers.add("Retry-After", "1");
    return head;
}

}  // namespace hearth::http
