#pragma once

#include <string>
#include <string_view>

#include "hearth/executor/executor.hpp"

namespace hearth::executor {

/// Of everything that shapes an environment's process. The uid does not count: an instance that was
/// prepared before its environment was written serves afterwards.
std::string runtime_hash(const model::Metadata& metadata, const model::EnvironmentSpec& spec);

/// Names one object that a function is resolved from; a collision costs a resolution.
std::size_t dependency(model::Kind kind, std::string_view ns, std::string_view name);

/// The digest of a package's deployment archive. Errors: unavailable when there is none in the
/// archive store.
Result<std::string> deployment_digest(const model::PackageSpec& spec, const std::string& package);

}  // namespace hearth::executor
