#include "cli/failure.hpp"

namespace hearth::cli {

int exit_code_of(Errc code) {
    switch (code) {
        case Errc::not_found:
            return kNotFound;
        case Errc::invalid_argument:
        case Errc::already_exists:
        case Errc::conflict:
        case Errc::too_large:
        case Errc::unsupported:
        case Errc::function_failed:
            return kRefused;
        case Errc::unauthenticated:
        case Errc::forbidden:
        case Errc::unavailable:
            return kUnreachable;
        default:
            return kFailed;
    }
}

}  // namespace hearth::cli
