#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/model/resource.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::model {

/// Fission's states of a package.
enum class BuildStatus { none, pending, running, succeeded, failed };
std::string_view to_string(BuildStatus status);

/// What a deployment archive is built from; equal inputs, one build.
struct BuildInput {
    std::string source;       ///< digest of the source archive
    std::string command;      ///< spec.buildcmd
    std::string environment;  ///< name
    bool operator==(const BuildInput&) const = default;
};

/// The newest build of a package, as the daemon keeps it with the package (annotation kBuildAnnotation, never shown).
struct PackageBuild {
    BuildStatus status = BuildStatus::pending;
    BuildInput input;
    std::string builder;       ///< builder_hash() of the environment it ran with
    std::string deployment;    ///< digest of the result
    int attempts = 0;          ///< starts of this build; more than one after the daemon was restarted
    std::string started_at, finished_at;  ///< RFC 3339 or empty
    std::string error;         ///< one sentence; empty unless it failed
    std::string log;           ///< the last lines
    bool operator==(const PackageBuild&) const = default;
};

inline constexpr std::string_view kBuildAnnotation = "hearth.io/build";

std::optional<PackageBuild> package_build(const Metadata& package);
void set_package_build(Metadata& package, const PackageBuild& build);

/// The digest that an archive of a stored package ("source" or "deployment") names; empty: none.
std::string stored_digest(const boost::json::object& package_spec, std::string_view which);
/// The archive of a package spec that names content of the archive store: what stored_digest() reads.
boost::json::object stored_archive(const std::string& digest);
/// Empty source: there is nothing to build.
BuildInput build_input(const Resource& package);
BuildStatus build_status(const Resource& package);

/// Makes `next`, a package about to be written over `before`, keep the newest build and, until another is built,
/// the deployment archive that serves. An archive that `next` brings itself takes the place of a built one.
void carry_build(const Resource& before, Resource& next);

/// What an Environment says of the pods that build its packages; null: nothing. Errors: internal.
Result<PodSettingsPtr> decode_builder_pod(const Resource& environment);
/// Of everything in a builder that shapes its results.
std::string builder_hash(const BuilderSpec& builder);

/// The words of a build command: split at white space, no quoting. What Fission refuses is refused (check() has told).
std::vector<std::string> command_words(std::string_view command);

}  // namespace hearth::model
