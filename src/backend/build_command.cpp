#include "backend/build_command.hpp"

#include <fnmatch.h>
#include <unistd.h>

#include <fmt/format.h>

#include "backend/runtime_plan.hpp"
#include "hearth/model/package_build.hpp"

extern char** environ;

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;

/// What tells package managers where to go, taken from the daemon's own environment.
constexpr std::string_view kInherited[] = {"HTTP_PROXY",
                                           "HTTPS_PROXY",
                                           "NO_PROXY",
                                           "http_proxy",
                                           "https_proxy",
                                           "no_proxy",
                                           "SSL_CERT_FILE",
                                           "SSL_CERT_DIR",
                                           "NODE_EXTRA_CA_CERTS",
                                           "GOPROXY",
                                           "GOSUMDB",
                                           "GONOSUMDB",
                                           "GOPRIVATE",
                                           "GOFLAGS",
                                           "GONOPROXY",
                                           "MAVEN_ARGS",
                                           "COMPOSER_MIRROR_PATH_REPOS"};
constexpr std::string_view kInheritedPrefixes[] = {"PIP_", "NPM_CONFIG_", "npm_config_", "BUNDLE_",
                                                   "NUGET_"};

bool is_inherited(std::string_view name) {
    for (const auto known : kInherited) {
        if (name == known) return true;
    }
    for (const auto prefix : kInheritedPrefixes) {
        if (name.starts_with(prefix)) return true;
    }
    return false;
}

void inherit(BuildPlan& plan) {
    for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
        const std::string_view entry = *at;
        const auto equals = entry.find('=');
        if (equals == std::string_view::npos || !is_inherited(entry.substr(0, equals))) continue;
        plan.env[std::string(entry.substr(0, equals))] = entry.substr(equals + 1);
    }
}

std::string joined(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, " "));
}

std::string known_builders(const ProcessBackendOptions& options) {
    std::string text;
    for (const auto& environment : options.environments) {
        if (environment.builder) text += (text.empty() ? "" : ", ") + environment.builder->image;
    }
    return text.empty() ? "none" : text;
}

Error no_builder(const model::EnvironmentSpec& spec, const ProcessBackendOptions& options) {
    return Error(Errc::unsupported,
                 fmt::format("no language environment of this machine builds for image \"{}\" "
                             "(builders here: {}). Name one of them in spec.builder.image, or give "
                             "spec.builder.command or the package's buildcmd a command that is "
                             "installed here",
                             spec.builder.image.empty() ? spec.image : spec.builder.image,
                             known_builders(options)),
                 "", "backend");
}

/// A program of the source itself is found when the build runs, in its working folder.
bool is_relative(const std::string& program) {
    return program.find('/') != std::string::npos && program.front() != '/' &&
           !program.starts_with("${ENV_DIR}");
}

/// The words to be run. Empty first: there is no builder.
Result<std::vector<std::string>> words_of(const model::EnvironmentSpec& spec,
                                          const std::string& command,
                                          const LocalEnvironment* environment,
                                          const ProcessBackendOptions& options) {
    std::vector<std::string> words = model::command_words(command);
    if (words.empty()) words = spec.builder.command;
    if (words.empty()) words = {"build"};
    // `/build` is what Fission runs without a command.
    if (words.front() != "build" && words.front() != "/build") return words;
    if (environment == nullptr) return no_builder(spec, options);
    auto local = environment->builder->command;
    local.insert(local.end(), words.begin() + 1, words.end());
    return local;
}

}  // namespace

const LocalEnvironment* choose_builder(const model::EnvironmentSpec& spec,
                                       const ProcessBackendOptions& options) {
    const std::string& image = spec.builder.image;
    for (const auto& environment : options.environments) {
        if (!environment.builder || image.empty()) continue;
        if (image == environment.builder->image) return &environment;
        for (const auto& glob : environment.builder->images) {
            if (fnmatch(glob.c_str(), image.c_str(), 0) == 0) return &environment;
        }
    }
    const auto runtime = choose_environment(spec, options);
    if (runtime && *runtime != nullptr && (*runtime)->builder) return *runtime;
    return nullptr;
}

Result<BuildPlan> plan_build(const model::EnvironmentSpec& spec, const std::string& command,
                             const ProcessBackendOptions& options, const Confinement& confinement,
                             const BuildPaths& paths) {
    const LocalEnvironment* environment = choose_builder(spec, options);
    auto words = words_of(spec, command, environment, options);
    if (!words) return words.error();
    BuildPlan plan;
    plan.shown = joined(*words);
    const fs::path folder = environment != nullptr ? environment->folder : fs::path();
    if (is_relative(words->front())) {
        plan.command.argv = *words;
        if (!folder.empty()) plan.command.folders.push_back(folder);
    } else {
        auto resolved = resolve_command(*words, folder, confinement.hidden);
        if (!resolved) {
            Error error = resolved.error();
            if (environment != nullptr && !environment->builder->check_remedy.empty())
                error.message += ": " + environment->builder->check_remedy;
            return error;
        }
        plan.command = std::move(*resolved);
    }
    if (environment != nullptr) plan.remedy = environment->builder->check_remedy;
    inherit(plan);
    if (environment != nullptr) {
        for (const auto& [name, value] : environment->builder->env) plan.env[name] = value;
    }
    for (const auto& [name, value] : options.builds.env) plan.env[name] = value;
    for (const auto& [name, value] : spec.builder.env) plan.env[name] = value;
    // A package index may be a folder or a certificate of this machine.
    std::error_code ec;
    for (const auto& [name, value] : plan.env) {
        const fs::path path = value;
        const bool shown = path.is_absolute() && is_inherited(name) && fs::exists(path, ec);
        const auto relative = path.lexically_relative(confinement.hidden);
        const bool hidden = !relative.empty() && *relative.begin() != "..";
        const auto above = confinement.hidden.lexically_relative(path);
        const bool holds = !above.empty() && *above.begin() != "..";
        if (shown && !hidden && !holds) plan.command.folders.push_back(path);
    }
    plan.env["PATH"] = kStandardPath;
    plan.env["LANG"] = "C.UTF-8";
    plan.env["HOME"] = paths.home;
    plan.env["TMPDIR"] = paths.tmp;
    plan.env["SRC_PKG"] = paths.source;
    plan.env["DEPLOY_PKG"] = paths.deploy;
    if (!paths.cache.empty()) plan.env["HEARTH_BUILD_CACHE"] = paths.cache;
    return plan;
}

}  // namespace hearth::backend
