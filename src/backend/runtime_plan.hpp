#pragma once

#include <map>
#include <optional>
#include <string>

#include "backend/confinement.hpp"
#include "hearth/backend/backend.hpp"
#include "hearth/backend/process_backend.hpp"

namespace hearth::backend {

/// Which language environment of the machine stands for an Environment. Empty: the spec's own
/// command does. Errors: unsupported naming the image, what is known, and how to add it.
Result<const LocalEnvironment*> choose_environment(const model::EnvironmentSpec& spec,
                                                   const ProcessBackendOptions& options);

/// What one start is made of, apart from its instance.
struct RuntimePlan {
    std::string base_name;  ///< "python": instances are called after it
    ResolvedCommand command;
    std::optional<ResolvedCommand> zygote;
    std::map<std::string, std::string>
        env;  ///< without what the instance itself decides (HEARTH_LISTEN)
    std::map<std::string, std::string> own_env;  ///< of this start alone: Runtime::env
    model::Limits limits;
    bool env_at_load = false;
    bool tcp = false;
    bool plain_http = false;  ///< knows no contract: it serves from its start on
    int version = 3;
    std::string hash;
};
/// Errors: unsupported (no environment, program missing, TCP without network).
Result<RuntimePlan> plan_runtime(const Runtime& runtime, const ProcessBackendOptions& options,
                                 const Confinement& confinement);

/// Whether instances of it are forked on this machine.
bool zygote_works(const LocalEnvironment& environment);

/// Per-process limits for what no control group limits.
std::vector<std::pair<std::string, std::uint64_t>> resource_limits(const Confinement& confinement,
                                                                   const model::Limits& limits,
                                                                   std::uint32_t max_processes,
                                                                   long uid);

}  // namespace hearth::backend
