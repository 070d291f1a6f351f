#include "hearth/catalog/run_journal.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>

#include "hearth/catalog/run_desk.hpp"

namespace hearth::catalog {
namespace {

constexpr std::array<std::string_view, 5> kPhases = {"Running", "Succeeded", "Failed", "Cancelled",
                                                     "TimedOut"};

}  // namespace

std::string_view run_phase_text(RunPhase phase) {
    return kPhases[static_cast<std::size_t>(phase)];
}

std::optional<RunPhase> run_phase_of(std::string_view text) {
    const auto found = std::ranges::find(kPhases, text);
    if (found == kPhases.end()) return std::nullopt;
    return static_cast<RunPhase>(found - kPhases.begin());
}

std::string run_input(std::string body) {
    if (body.empty()) return "null";
    boost::system::error_code ec;
    const auto value = boost::json::parse(body, ec);
    return ec ? boost::json::serialize(boost::json::string(body)) : body;
}

}  // namespace hearth::catalog
