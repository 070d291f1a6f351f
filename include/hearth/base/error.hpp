#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

namespace hearth::base {

/// What kind of failure a caller meets. One table per edge maps it to an HTTP status or an exit code.
enum class Errc {
    invalid_argument,   ///< the request or document is wrong; the same again fails again
    unauthenticated,    ///< no credential, or one that is not known
    forbidden,          ///< a known credential that may not do this
    not_found,          ///< the named thing does not exist
    already_exists,     ///< a create of what is there
    conflict,           ///< the expected revision is not the present one, or two things exclude each other
    too_large,          ///< past a documented size limit
    unsupported,        ///< understood, but this build or backend cannot do it
    exhausted,          ///< a bounded queue or quota is full; later it may work
    unavailable,        ///< a component is away or draining; later it may work
    deadline_exceeded,  ///< the deadline passed first
    cancelled,          ///< the caller went away
    function_failed,    ///< the function's own code failed to load or broke off
    no_space,           ///< the disk is full
    io,                 ///< the operating system or a peer reported a failure
    internal,           ///< a fault of Hearth's own
};

/// The lower_snake name of a code, as problem documents and logs show it.
std::string_view to_string(Errc code);

/// An expected failure, as a value.
struct Error {
    Errc code = Errc::internal;
    /// One sentence for the person who asked, naming what failed and, where there is one, the remedy.
    std::string message;
    /// Longer text that belongs to it, such as a language's own stack trace; may be empty.
    std::string detail;
    /// Which component failed: "function", "instance", "gateway", "executor", "store"…; may be empty.
    std::string component;

    Error() = default;
    Error(Errc c, std::string m, std::string d = {}, std::string where = {})
        : code(c), message(std::move(m)), detail(std::move(d)), component(std::move(where)) {}
    bool operator==(const Error&) const = default;
};

/// "code: message" for test output and logs.
std::ostream& operator<<(std::ostream& out, const Error& error);

/// Error for an errno value: ENOSPC and EDQUOT become no_space, ENOENT not_found, others io.
Error from_errno(int error_number, std::string_view what);

}  // namespace hearth::base

namespace hearth {
using base::Errc;
using base::Error;
}  // namespace hearth
