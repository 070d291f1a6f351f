#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/edge.hpp"
#include "hearth/catalog/run_desk.hpp"

namespace hearth::gateway {

/// Below it, results of runs are fetched: kRunPath + id.
inline constexpr std::string_view kRunPath = "/_hearth/runs/";

std::optional<std::string> run_id_of(std::string_view path);

/// 202 with the id and where the result will be.
EdgeAnswer run_accepted(const catalog::RunRow& row);
/// Of a run that goes on (202) or did not succeed (a problem).
EdgeAnswer run_answer(const catalog::RunRow& row, std::string_view request_id);
/// 200 with the output of a run that succeeded.
EdgeAnswer run_output(const catalog::RunDetail& detail);

}  // namespace hearth::gateway
