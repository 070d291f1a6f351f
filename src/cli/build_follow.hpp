#pragma once

#include <string>

#include "cli/program.hpp"

namespace hearth::cli {

/// Prints the log of a package's newest build to `out` as it comes, until the build ends, and
/// answers its state then. Errors: what the daemon says, io.
Result<boost::json::object> follow_build(Context& context, Client& client,
                                         const std::string& package, std::ostream& out);
/// kDone when it was built; else says why it was not.
int build_outcome(Context& context, const boost::json::object& build);
/// "…/packages/NAME/build"
std::string build_target(const Context& context, const std::string& package);

}  // namespace hearth::cli
