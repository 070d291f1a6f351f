#include "kube/status_error.hpp"

#include <boost/json/parse.hpp>

#include "hearth/base/json_view.hpp"
#include "hearth/kube/status.hpp"

namespace hearth::kube {
namespace json = boost::json;
using base::text_at;
namespace {

constexpr std::size_t kLongestText = 2048;

Errc code_of(int status, std::string_view reason) {
    switch (status) {
        case 400:
        case 405:
        case 406:
        case 415:
        case 422:
            return Errc::invalid_argument;
        case 401:
            return Errc::unauthenticated;
        case 403:
            return Errc::forbidden;
        case 404:
            return Errc::not_found;
        case 409:
            return reason == "AlreadyExists" ? Errc::already_exists : Errc::conflict;
        case 410:
            return Errc::conflict;
        case 413:
            return Errc::too_large;
        case 429:
            return Errc::exhausted;
        default:
            return Errc::unavailable;
    }
}

/// A proxy's page, cut to what a log line bears and without line breaks.
std::string one_line(std::string_view text) {
    std::string line(text.substr(0, kLongestText));
    for (char& c : line)
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    while (!line.empty() && line.back() == ' ') line.pop_back();
    return line;
}

}  // namespace

Error status_error(int status, const std::string& body) {
    boost::system::error_code ec;
    const auto value = json::parse(body, ec);
    const auto* object = ec ? nullptr : value.if_object();
    std::string message, reason;
    if (object != nullptr && text_at(*object, "kind") == "Status") {
        message = text_at(*object, "message");
        reason = text_at(*object, "reason");
    }
    if (message.empty()) message = one_line(body);
    if (message.empty()) message = "status " + std::to_string(status) + " without a text";
    if (status == 401)
        message = "the Kubernetes API server does not accept the credential (" + message + ")";
    const auto code = code_of(status, reason);
    return Error(code, std::move(message), std::move(reason), std::string(kComponent));
}

bool means_expired(int status, const json::object& body) {
    const auto reason = text_at(body, "reason");
    if (status == 410 || reason == "Expired" || reason == "Gone") return true;
    const auto* code = body.if_contains("code");
    if (code != nullptr && code->is_int64() && code->get_int64() == 410) return true;
    // A server that was restored from a backup knows less than was read before: 504 after a while.
    return text_at(body, "message").find("Too large resource version") != std::string::npos;
}

std::string_view reason_of(const Error& error) {
    return error.component == kComponent ? std::string_view(error.detail) : std::string_view();
}

bool is_expired(const Error& error) {
    const auto reason = reason_of(error);
    return reason == "Expired" || reason == "Gone";
}

bool is_quota(const Error& error) {
    return error.code == Errc::forbidden && reason_of(error) == "Forbidden" &&
           error.message.find("exceeded quota") != std::string::npos;
}

}  // namespace hearth::kube
