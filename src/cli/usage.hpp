#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>

namespace hearth::cli {

/// What is wrong with a command line that the parser refused for `reason`, with the nearest known
/// command or option where one was mistyped, and where help is.
std::string usage_fault(const CLI::App& app, const std::vector<std::string>& arguments,
                        std::string_view reason);

/// The one of `known` that differs by at most two letters typed wrongly; empty when none does.
std::string nearest(std::string_view typed, const std::vector<std::string>& known);

}  // namespace hearth::cli
