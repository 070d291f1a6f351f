#include "hearth/base/clock.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace hearth::base {

std::string to_rfc3339(WallTime time) {
    using namespace std::chrono;
    const auto seconds = floor<std::chrono::seconds>(time);
    const auto ms = duration_cast<milliseconds>(time - seconds).count();
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(system_clock::to_time_t(seconds)),
                       ms);
}

}  // namespace hearth::base
