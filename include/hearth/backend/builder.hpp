#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/base/result.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::backend {

/// One build: a source archive and what turns it into a deployment archive.
struct BuildOrder {
    std::string name;                   ///< for people and for names of things: "default/hello"
    model::Metadata environment;        ///< its uid names the cache
    model::EnvironmentSpec spec;        ///< builder image, command, variables, limits
    model::PodSettingsPtr pod;          ///< of a builder that is a pod: spec.builder.container and podspec; may be null
    std::string command;                ///< the package's own; empty: the environment's, else `build`
    std::filesystem::path source;       ///< unpacked folder, or a single file; read-only, shared
    std::filesystem::path source_packed;///< the same as it lies in the archive store
    std::string source_digest;
    std::stop_token stop;               ///< cancels the build
    BuildOrder() = default;             // a constructor, so that g++ 12.2 handles it in coroutines
};

/// What a build command left at DEPLOY_PKG.
struct BuildOutput {
    std::filesystem::path path;         ///< folder, or a single file
    bool packed = false;                ///< `path` is a tar of the folder that was made
    std::shared_ptr<void> hold;         ///< the files go with its last copy
    BuildOutput() = default;
};

/// Called for each line a build writes, without its line break, on the builder's own threads; one call at a time.
/// Lines of more than 16 KiB come in pieces.
using LineSink = std::function<void(std::string_view line)>;

/// Where source packages are built. Thread: any; the awaitable resumes on the caller's shard.
class Builder {
  public:
    virtual ~Builder() = default;
    /// Whether an environment's packages can be built here. Errors: unsupported (names image and remedy).
    virtual Result<void> check(const model::EnvironmentSpec& spec) const = 0;
    /// Runs one build to its end; nothing of it is left running afterwards, however it ends. Errors: function_failed
    /// (the command failed, or made nothing), too_large (past a bound of the disk), deadline_exceeded, cancelled (by order.stop), unsupported, exhausted,
    /// no_space, unavailable (the machinery failed).
    virtual Task<Result<BuildOutput>> build(BuildOrder order, LineSink sink, Deadline deadline) = 0;
    /// An environment is gone: so is what builds of it kept. May block on the disk.
    virtual void forget(const std::string& environment_uid) { (void)environment_uid; }
};

}  // namespace hearth::backend
