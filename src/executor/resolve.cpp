#include "executor/resolve.hpp"

#include <boost/json.hpp>

#include <functional>
#include <set>

#include "hearth/base/ids.hpp"
#include "hearth/model/package_build.hpp"

namespace hearth::executor {
namespace {

/// Joins values so that no two different lists give the same text: each is preceded by its length.
class HashText {
 public:
    HashText& add(std::string_view value) {
        text_ += std::to_string(value.size());
        text_ += ':';
        text_ += value;
        return *this;
    }
    HashText& add(std::uint64_t value) { return add(std::to_string(value)); }
    HashText& add(const std::map<std::string, std::string>& values) {
        add(values.size());
        for (const auto& [key, value] : values) add(key).add(value);
        return *this;
    }
    std::string finish() const { return base::sha256_hex(text_); }

 private:
    std::string text_;
};

/// Reads the data of Secrets and ConfigMaps of one function, each once.
class Values {
 public:
    Values(const std::string& ns, std::string function, const Lookup& lookup)
        : ns_(ns), function_(std::move(function)), lookup_(lookup) {}

    Result<const std::map<std::string, std::string>*> data(model::Kind kind,
                                                           const std::string& name) {
        const auto key = std::pair(kind, name);
        if (const auto it = known_.find(key); it != known_.end()) return &it->second;
        const auto resource = lookup_(kind, ns_, name);
        if (!resource)
            return Error(Errc::not_found, "function " + function_ + " names the " + word(kind) +
                                              " " + ns_ + "/" + name + ", which does not exist");
        auto decoded = model::decode_data(*resource);
        if (!decoded) return decoded.error();
        return &known_.emplace(key, std::move(*decoded)).first->second;
    }

    Result<std::string> value(model::Kind kind, const std::string& name, const std::string& key) {
        auto found = data(kind, name);
        if (!found) return found.error();
        const auto it = (*found)->find(key);
        if (it == (*found)->end())
            return Error(Errc::not_found, "function " + function_ + " names the key " + key +
                                              " of the " + word(kind) + " " + ns_ + "/" + name +
                                              ", which has no such key");
        return it->second;
    }

 private:
    static std::string word(model::Kind kind) {
        return kind == model::Kind::secret ? "Secret" : "ConfigMap";
    }

    const std::string& ns_;
    std::string function_;
    const Lookup& lookup_;
    std::map<std::pair<model::Kind, std::string>, std::map<std::string, std::string>> known_;
};

Result<void> resolve_env(FunctionSource& source, Values& values) {
    for (const auto& from : source.spec.env_from) {
        const bool secret = !from.secret.empty();
        auto data = values.data(secret ? model::Kind::secret : model::Kind::config_map,
                                secret ? from.secret : from.config_map);
        if (!data) return data.error();
        for (const auto& [key, value] : **data) source.env[from.prefix + key] = value;
    }
    for (const auto& variable : source.spec.env) {
        if (variable.secret.empty() && variable.config_map.empty()) {
            source.env[variable.name] = variable.value;
            continue;
        }
        const bool secret = !variable.secret.empty();
        auto value = values.value(secret ? model::Kind::secret : model::Kind::config_map,
                                  secret ? variable.secret : variable.config_map, variable.key);
        if (value)
            source.env[variable.name] = std::move(*value);
        else if (!variable.optional || value.error().code != Errc::not_found)
            return value.error();
    }
    return {};
}

Result<void> resolve_files(const std::vector<model::FileMount>& mounts, model::Kind kind,
                           const std::string& ns, Values& values,
                           std::map<std::string, std::string>& files) {
    for (const auto& mount : mounts) {
        auto data = values.data(kind, mount.name);
        if (!data) return data.error();
        const auto folder = mount.mount_path.empty() ? ns + "/" + mount.name : mount.mount_path;
        for (const auto& [key, value] : **data) files[folder + "/" + key] = value;
    }
    return {};
}

void add_container(HashText& text, const model::ContainerSettings& container) {
    text.add(container.name).add(container.image).add(container.image_pull_policy);
    for (const auto* words : {&container.command, &container.args}) {
        text.add(words->size());
        for (const auto& word : *words) text.add(word);
    }
    text.add(container.working_dir).add(container.sidecar ? "sidecar" : "");
    for (const auto* list :
         {&container.env, &container.env_from, &container.ports, &container.volume_mounts})
        text.add(boost::json::serialize(*list));
    for (const auto* object :
         {&container.resources, &container.liveness_probe, &container.readiness_probe,
          &container.startup_probe, &container.lifecycle, &container.security_context})
        text.add(boost::json::serialize(*object));
}

/// Labels and annotations do not count.
void add_pod(HashText& text, const model::PodSettings& pod) {
    text.add("pod");
    add_container(text, pod.main);
    for (const auto* containers : {&pod.init_containers, &pod.containers}) {
        text.add(containers->size());
        for (const auto& container : *containers) add_container(text, container);
    }
    for (const auto* object :
         {&pod.node_selector, &pod.affinity, &pod.security_context, &pod.dns_config})
        text.add(boost::json::serialize(*object));
    for (const auto* list : {&pod.tolerations, &pod.topology_spread_constraints,
                             &pod.image_pull_secrets, &pod.volumes, &pod.host_aliases})
        text.add(boost::json::serialize(*list));
    for (const auto* word : {&pod.dns_policy, &pod.runtime_class, &pod.priority_class,
                             &pod.scheduler, &pod.hostname, &pod.subdomain})
        text.add(*word);
    text.add(pod.termination_grace_seconds ? std::to_string(*pod.termination_grace_seconds) : "");
}

void add_setting(std::set<backend::SettingsRef>& refs, const std::string& ns,
                 const std::string& secret, const std::string& config_map) {
    if (!secret.empty()) refs.insert({model::Kind::secret, ns, secret});
    if (!config_map.empty()) refs.insert({model::Kind::config_map, ns, config_map});
}

}  // namespace

std::vector<backend::SettingsRef> settings_of(const model::Resource& function) {
    const auto spec = model::decode_function(function);
    if (!spec) return {};
    const auto& ns = function.metadata.ns;
    std::set<backend::SettingsRef> refs;
    for (const auto& mount : spec->secrets) add_setting(refs, ns, mount.name, {});
    for (const auto& mount : spec->config_maps) add_setting(refs, ns, {}, mount.name);
    for (const auto& variable : spec->env)
        add_setting(refs, ns, variable.secret, variable.config_map);
    for (const auto& from : spec->env_from) add_setting(refs, ns, from.secret, from.config_map);
    return {refs.begin(), refs.end()};
}

Task<Result<FunctionSource>> Executor::resolve_planned(model::Resource function, Lookup planned,
                                                       Deadline) {
    co_return resolve_function(function, planned);
}

std::size_t dependency(model::Kind kind, std::string_view ns, std::string_view name) {
    std::string key;
    key.append(std::to_string(static_cast<int>(kind)))
        .append("/")
        .append(ns)
        .append("/")
        .append(name);
    return std::hash<std::string>()(key);
}

Result<std::string> deployment_digest(const model::PackageSpec& spec, const std::string& package) {
    const auto& archive = spec.deployment;
    static constexpr std::string_view kScheme = "archive://";
    if (archive.type == model::Archive::Type::url && archive.url.rfind(kScheme, 0) == 0)
        return archive.url.substr(kScheme.size());
    if (archive.type == model::Archive::Type::none)
        return Error(
            Errc::unavailable,
            "package " + package + " has no deployment archive yet; build it or give it one");
    return Error(Errc::unavailable,
                 "the deployment archive of package " + package +
                     " is not in the archive store; write the package through the API");
}

std::string runtime_hash(const model::Metadata& metadata, const model::EnvironmentSpec& spec) {
    HashText text;
    text.add("environment").add(metadata.ns).add(metadata.name);
    text.add(static_cast<std::uint64_t>(spec.version)).add(spec.image);
    text.add(spec.local_command.size());
    for (const auto& word : spec.local_command) text.add(word);
    text.add(spec.env).add(spec.keeparchive ? "keep" : "");
    text.add(spec.limits.memory_bytes).add(spec.limits.cpu_millicores);
    // What an environment without pod settings hashes to must stay what it was: a new daemon keeps
    // the instances of the one before.
    if (spec.pod) add_pod(text, *spec.pod);
    if (spec.local_http) text.add("http");
    return text.finish();
}

namespace {

/// Why a package has no deployment archive.
Error why_not_built(const model::Resource& package) {
    const auto name = model::qualified(package.metadata);
    const auto build = model::package_build(package.metadata);
    switch (model::build_status(package)) {
        case model::BuildStatus::pending:
            return Error(Errc::unavailable, "package " + name + " waits to be built", {}, "build");
        case model::BuildStatus::running:
            return Error(Errc::unavailable, "package " + name + " is being built", {}, "build");
        default:
            break;
    }
    if (!build)
        return Error(Errc::unavailable,
                     "package " + name + " has no deployment archive yet; build it or give it one",
                     {}, "build");
    return Error(Errc::function_failed, "the build of package " + name + " failed: " + build->error,
                 build->log, "build");
}

Result<void> resolve_environment(FunctionSource& source, const Lookup& lookup) {
    const auto& ns = source.metadata.ns;
    const auto name = model::qualified(source.metadata);
    const auto environment = lookup(model::Kind::environment, ns, source.spec.environment);
    if (!environment)
        return Error(Errc::not_found, "function " + name + " names the Environment " + ns + "/" +
                                          source.spec.environment + ", which does not exist");
    auto environment_spec = model::decode_environment(*environment);
    if (!environment_spec) return environment_spec.error();
    source.environment_metadata = environment->metadata;
    source.environment = std::move(*environment_spec);

    const auto package = lookup(model::Kind::package, ns, source.spec.package);
    if (!package)
        return Error(Errc::not_found, "function " + name + " names the Package " + ns + "/" +
                                          source.spec.package + ", which does not exist");
    auto package_spec = model::decode_package(*package);
    if (!package_spec) return package_spec.error();
    auto digest = deployment_digest(*package_spec, model::qualified(package->metadata));
    if (!digest && package_spec->deployment.type == model::Archive::Type::none)
        return why_not_built(*package);
    if (!digest) return digest.error();
    source.digest = std::move(*digest);
    return {};
}

std::string function_hash(const FunctionSource& source) {
    HashText text;
    text.add("function").add(source.metadata.ns).add(source.metadata.name);
    text.add(runtime_hash(source.environment_metadata, source.environment));
    text.add(source.digest).add(source.spec.function_name);
    text.add(source.env).add(source.secret_files).add(source.config_files);
    text.add(source.spec.limits.memory_bytes).add(source.spec.limits.cpu_millicores);
    if (source.spec.has_workload()) {
        text.add(source.spec.executor_type);
        text.add(static_cast<std::uint64_t>(source.spec.container_port));
        if (source.spec.pod) add_pod(text, *source.spec.pod);
    }
    return text.finish();
}

}  // namespace

Result<FunctionSource> resolve_function(const model::Resource& function, const Lookup& lookup) {
    FunctionSource source;
    source.metadata = function.metadata;
    auto spec = model::decode_function(function);
    if (!spec) return spec.error();
    source.spec = std::move(*spec);
    const auto& ns = source.metadata.ns;
    if (source.spec.executor_type == "container") {
        // The image holds the code, and nothing is loaded into it.
        source.environment_metadata.ns = ns;
        source.environment.image = source.spec.pod->main.image;
    } else if (auto r = resolve_environment(source, lookup); r.has_error()) {
        return r.error();
    }
    Values values(ns, model::qualified(source.metadata), lookup);
    if (auto r = resolve_env(source, values); r.has_error()) return r.error();
    if (auto r = resolve_files(source.spec.secrets, model::Kind::secret, ns, values,
                               source.secret_files);
        r.has_error())
        return r.error();
    if (auto r = resolve_files(source.spec.config_maps, model::Kind::config_map, ns, values,
                               source.config_files);
        r.has_error())
        return r.error();
    source.hash = function_hash(source);
    return source;
}

}  // namespace hearth::executor
