#include "hearth/base/error.hpp"

#include <cerrno>
#include <cstring>
#include <ostream>
#include <stdexcept>

#include "hearth/base/result.hpp"

namespace hearth::base {

std::string_view to_string(Errc code) {
    switch (code) {
        case Errc::invalid_argument:
            return "invalid_argument";
        case Errc::unauthenticated:
            return "unauthenticated";
        case Errc::forbidden:
            return "forbidden";
        case Errc::not_found:
            return "not_found";
        case Errc::already_exists:
            return "already_exists";
        case Errc::conflict:
            return "conflict";
        case Errc::too_large:
            return "too_large";
        case Errc::unsupported:
            return "unsupported";
        case Errc::exhausted:
            return "exhausted";
        case Errc::unavailable:
            return "unavailable";
        case Errc::deadline_exceeded:
            return "deadline_exceeded";
        case Errc::cancelled:
            return "cancelled";
        case Errc::function_failed:
            return "function_failed";
        case Errc::no_space:
            return "no_space";
        case Errc::io:
            return "io";
        case Errc::internal:
            return "internal";
    }
    return "internal";
}

std::ostream& operator<<(std::ostream& out, const Error& error) {
    return out << to_string(error.code) << ": " << error.message;
}

Error from_errno(int error_number, std::string_view what) {
    Errc code = Errc::io;
    if (error_number == ENOSPC || error_number == EDQUOT) code = Errc::no_space;
    if (error_number == ENOENT) code = Errc::not_found;
    return Error(code, std::string(what) + ": " + std::strerror(error_number));
}

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
    throw std::logic_error("unchecked error " + std::string(to_string(error.code)) + ": " +
                           error.message + " at " + where.file_name() + ":" +
                           std::to_string(where.line()));
}

}  // namespace hearth::base
