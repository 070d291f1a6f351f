#pragma once

#include <string>
#include <string_view>

namespace hearth::backend::kube_names {

// Labels select and show; annotations under the same key hold what is too long for a label.
inline constexpr std::string_view kManagedBy = "app.kubernetes.io/managed-by";
inline constexpr std::string_view kManager = "hearth";
inline constexpr std::string_view kInstallation = "hearth.io/daemon";
inline constexpr std::string_view kEnvironment = "hearth.io/environment";
inline constexpr std::string_view kEnvironmentNs = "hearth.io/environment-namespace";
inline constexpr std::string_view kRuntimeHash = "hearth.io/runtime-hash";
inline constexpr std::string_view kWorkload = "hearth.io/workload";
inline constexpr std::string_view kFunction = "hearth.io/function";
inline constexpr std::string_view kFunctionNs = "hearth.io/function-namespace";
inline constexpr std::string_view kFunctionUid = "hearth.io/function-uid";
inline constexpr std::string_view kIdentity = "hearth.io/identity";
inline constexpr std::string_view kInstance = "hearth.io/instance";
inline constexpr std::string_view kKind = "hearth.io/kind";
// Annotations alone.
inline constexpr std::string_view kContract = "hearth.io/contract";
inline constexpr std::string_view kEnvAtLoad = "hearth.io/env-at-load";
inline constexpr std::string_view kPort = "hearth.io/port";
inline constexpr std::string_view kVariables = "hearth.io/variables";
inline constexpr std::string_view kWorkloadKind = "hearth.io/workload-kind";

inline constexpr std::string_view kEnvironmentContainer = "environment";
inline constexpr std::string_view kRunnerContainer = "runner";
// Of the pod of one build, whose kind this is: the builder image's, and what puts the agent there.
inline constexpr std::string_view kBuildKind = "build";
inline constexpr std::string_view kBuilderContainer = "builder";
inline constexpr std::string_view kAgentContainer = "hearth-agent";
inline constexpr std::string_view kPackage = "hearth.io/package";

/// `text` as a label's value: itself where it is one, else as much of it as may be and a hash.
std::string label_value(std::string_view text);
/// The part of a hash that a label holds.
std::string short_hash(std::string_view hash);
/// A name for an object: what of `text` may stand in a DNS label, at most 40 bytes, "-" and
/// `suffix`.
std::string object_name(std::string_view text, std::string_view suffix);
/// Selector of everything of one installation.
std::string selector(std::string_view installation);
/// "*" stands for any text, "?" for any byte.
bool glob_matches(std::string_view glob, std::string_view text);

}  // namespace hearth::backend::kube_names
