#pragma once

#include <map>
#include <string>
#include <vector>

#include "backend/confinement.hpp"
#include "hearth/backend/builder.hpp"
#include "hearth/backend/process_backend.hpp"

namespace hearth::backend {

/// The language environment of this machine whose `builder` section builds for an Environment: by
/// the builder's image, else the one its runtime's image stands for. Null: none does.
const LocalEnvironment* choose_builder(const model::EnvironmentSpec& spec,
                                       const ProcessBackendOptions& options);

/// Where a build finds its parts.
struct BuildPaths {
    std::string source, deploy, home, tmp, cache;  ///< cache empty: none
};

struct BuildPlan {
    ResolvedCommand command;
    std::map<std::string, std::string> env;
    std::string shown;   ///< the command as people wrote it
    std::string remedy;  ///< what to install when its program is missing
};

/// `command`: the package's own; empty: the environment's; `build` is what the language's env.yaml
/// says. Errors: unsupported (no builder, program missing; both name the remedy).
Result<BuildPlan> plan_build(const model::EnvironmentSpec& spec, const std::string& command,
                             const ProcessBackendOptions& options, const Confinement& confinement,
                             const BuildPaths& paths);

}  // namespace hearth::backend
