#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace hearth::runner {

/// An expected failure in the form it is answered in.
struct Fault {
    int status = 500;            ///< of the answer
    std::string code;            ///< for programs: "invalid_argument", "function_failed"…
    std::string detail;          ///< for people
    int environment_status = 0;  ///< what the environment answered; 0: nothing

    Fault() = default;
    Fault(int s, std::string c, std::string d)
        : status(s), code(std::move(c)), detail(std::move(d)) {}
};

/// Found by result::value() when it meets a fault: a bug of the caller, so it throws
/// std::logic_error.
[[noreturn]] void throw_exception_from_error(const Fault& fault,
                                             const boost::source_location& where);

template <class T>
using Result = boost::system::result<T, Fault>;

/// 400 `invalid_argument`.
Fault refused(std::string detail);
/// A system call's failure: 507 `no_space` when the volume is full, else 500 `io`.
Fault from_errno(int error_number, std::string_view what);
/// problem+json (RFC 9457) with component "runner".
std::string problem_body(const Fault& fault);

}  // namespace hearth::runner
