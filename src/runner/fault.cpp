#include "runner/fault.hpp"

#include <boost/beast/http/status.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <errno.h>
#include <string.h>

#include <stdexcept>

#include "runner/encoding.hpp"

namespace hearth::runner {

void throw_exception_from_error(const Fault& fault, const boost::source_location&) {
    throw std::logic_error("a result without a value was used: " + fault.detail);
}

Fault refused(std::string detail) {
    return Fault(400, "invalid_argument", std::move(detail));
}

Fault from_errno(int error_number, std::string_view what) {
    std::string detail = std::string(what) + ": " + ::strerror(error_number);
    if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG) {
        return Fault(507, "no_space", std::move(detail));
    }
    return Fault(500, "io", std::move(detail));
}

std::string problem_body(const Fault& fault) {
    boost::json::object body;
    body["type"] = "about:blank";
    body["title"] =
        boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(fault.status));
    body["status"] = fault.status;
    body["code"] = fault.code;
    body["component"] = "runner";
    body["detail"] = valid_utf8(fault.detail);
    if (fault.environment_status != 0) body["environmentStatus"] = fault.environment_status;
    return boost::json::serialize(body) + "\n";
}

}  // namespace hearth::runner
