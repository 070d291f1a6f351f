#include "backend/runtime_plan.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace hearth::backend {
namespace {

constexpr std::size_t kLongestBaseName = 20;
constexpr std::uint64_t kOpenFiles = 16'384;

bool matches(const std::string& glob, const std::string& image) {
    // No FNM_PATHNAME: `*` stands for slashes too. Docker's short names have an implied first part.
    if (fnmatch(glob.c_str(), image.c_str(), 0) == 0) return true;
    return image.find('/') == std::string::npos &&
           fnmatch(glob.c_str(), ("library/" + image).c_str(), 0) == 0;
}

const LocalEnvironment* by_name(const std::string& name, const ProcessBackendOptions& options) {
    for (const auto& environment : options.environments) {
        if (environment.name == name) return &environment;
    }
    return nullptr;
}

std::string known_globs(const ProcessBackendOptions& options) {
    std::string text;
    for (const auto& environment : options.environments) {
        for (const auto& glob : environment.images) text += (text.empty() ? "" : ", ") + glob;
    }
    return text.empty() ? "none" : text;
}

/// A name people read, fit for a host name and a folder.
std::string tidy_name(const std::string& name) {
    std::string tidy;
    for (const char c : name) {
        const bool fine = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
        tidy += fine ? c : '-';
    }
    tidy.resize(std::min(tidy.size(), kLongestBaseName));
    return tidy.empty() ? "instance" : tidy;
}

}  // namespace

Result<const LocalEnvironment*> choose_environment(const model::EnvironmentSpec& spec,
                                                   const ProcessBackendOptions& options) {
    if (!spec.local_command.empty()) return static_cast<const LocalEnvironment*>(nullptr);
    for (const auto& [glob, name] : options.image_table) {
        if (!matches(glob, spec.image)) continue;
        if (const auto* found = by_name(name, options)) return found;
        return Error(
            Errc::unsupported,
            fmt::format("the daemon's `environments` table maps image {} to {}, which is not there",
                        spec.image, name),
            "", "backend");
    }
    for (const auto& environment : options.environments) {
        for (const auto& glob : environment.images) {
            if (matches(glob, spec.image)) return &environment;
        }
    }
    return Error(
        Errc::unsupported,
        fmt::format(
            "no language environment of this machine stands for image \"{}\" (known: {}). Set "
            "spec.runtime.local.command to start it, or map the image under `environments` in "
            "hearth.yaml",
            spec.image, known_globs(options)),
        "", "backend");
}

bool zygote_works(const LocalEnvironment& environment) {
    return !environment.zygote.empty() && !environment.listen_tcp;
}

Result<RuntimePlan> plan_runtime(const Runtime& runtime, const ProcessBackendOptions& options,
                                 const Confinement& confinement) {
    auto chosen = choose_environment(runtime.spec, options);
    if (!chosen) return chosen.error();
    const LocalEnvironment* environment = *chosen;
    RuntimePlan plan;
    plan.hash = runtime.hash;
    plan.version = runtime.spec.version;
    plan.env = {
        {"PATH", kStandardPath}, {"HOME", "/tmp"}, {"LANG", "C.UTF-8"}, {"HEARTH_LOG", "json"}};
    const std::filesystem::path folder = environment != nullptr ? environment->folder : "";
    auto command =
        resolve_command(environment != nullptr ? environment->command : runtime.spec.local_command,
                        folder, confinement.hidden);
    if (!command) {
        Error error = command.error();
        if (environment != nullptr && !environment->check_remedy.empty())
            error.message += ": " + environment->check_remedy;
        return error;
    }
    plan.command = std::move(*command);
    plan.base_name =
        tidy_name(environment != nullptr ? environment->name : runtime.environment.name);
    for (const auto& [name, value] : runtime.spec.env) plan.env[name] = value;
    if (environment != nullptr) {
        plan.env_at_load = environment->env_at_load;
        plan.tcp = environment->listen_tcp;
        for (const auto& [name, value] : environment->env) plan.env.emplace(name, value);
        if (zygote_works(*environment)) {
            auto zygote = resolve_command(environment->zygote, folder, confinement.hidden);
            if (zygote) plan.zygote = std::move(*zygote);
        }
    } else if (const auto listen = runtime.spec.env.find("HEARTH_LISTEN");
               listen != runtime.spec.env.end()) {
        plan.tcp = listen->second == "tcp";
    }
    plan.plain_http = environment == nullptr && runtime.spec.local_http;
    plan.tcp = plan.tcp || plan.plain_http;
    plan.env["HEARTH_LOG"] = "json";
    plan.own_env = runtime.env;
    if (plan.tcp && !options.network) {
        return Error(
            Errc::unsupported,
            fmt::format("{} listens on a TCP port, which it cannot with process.network: false",
                        plan.base_name),
            "", "backend");
    }
    const auto first_set = [](auto a, auto b, auto c) { return a != 0 ? a : b != 0 ? b : c; };
    plan.limits.memory_bytes =
        first_set(runtime.limits.memory_bytes, runtime.spec.limits.memory_bytes,
                  options.default_memory_bytes);
    plan.limits.cpu_millicores =
        first_set(runtime.limits.cpu_millicores, runtime.spec.limits.cpu_millicores,
                  options.default_cpu_millicores);
    return plan;
}

std::vector<std::pair<std::string, std::uint64_t>> resource_limits(const Confinement& confinement,
                                                                   const model::Limits& limits,
                                                                   std::uint32_t max_processes,
                                                                   long uid) {
    std::vector<std::pair<std::string, std::uint64_t>> list{{"CORE", 0}, {"NOFILE", kOpenFiles}};
    // The kernel counts per user and, since Linux 5.14, per user namespace.
    const bool counted_apart =
        uid >= 0 || (confinement.sandbox.works && confinement.sandbox.user_namespace);
    if (!confinement.cgroups.has("pids") && counted_apart)
        list.emplace_back("NPROC", max_processes);
    // Not the address space: runtimes reserve far more of it than they use.
    if (!confinement.cgroups.has("memory") && limits.memory_bytes != 0)
        list.emplace_back("DATA", limits.memory_bytes);
    return list;
}

}  // namespace hearth::backend
