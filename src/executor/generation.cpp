#include "executor/driver.hpp"
#include "executor/resolve.hpp"

namespace hearth::executor {
namespace {

/// What a process of the function's own gets at its start.
void set_own_limits(backend::Runtime& runtime, const model::Limits& own) {
    if (own.memory_bytes != 0) runtime.limits.memory_bytes = own.memory_bytes;
    if (own.cpu_millicores != 0) runtime.limits.cpu_millicores = own.cpu_millicores;
}

bool differs(const model::Limits& own, const model::Limits& environment) {
    return (own.memory_bytes != 0 && own.memory_bytes != environment.memory_bytes) ||
           (own.cpu_millicores != 0 && own.cpu_millicores != environment.cpu_millicores);
}

}  // namespace

FunctionPolicy policy_of(const Generation& generation, const ExecutorOptions& options,
                         bool stocked) {
    const auto& spec = generation.source.spec;
    FunctionPolicy policy;
    policy.requests_per_pod = spec.requests_per_pod;
    policy.concurrency = std::max(1, spec.concurrency);
    policy.retain = spec.retain_pods;
    policy.once_only = spec.once_only;
    policy.idle_timeout = spec.idle_timeout;
    policy.queue_capacity = options.queue_per_function;
    if (generation.runtime.workload) {
        policy.concurrency = std::max(1, spec.max_scale);
        policy.min_instances = stocked ? std::min(spec.min_scale, policy.concurrency) : 0;
    }
    return policy;
}

backend::Runtime environment_runtime(const model::Metadata& metadata,
                                     const model::EnvironmentSpec& spec) {
    backend::Runtime runtime;
    runtime.environment = metadata;
    runtime.spec = spec;
    runtime.hash = runtime_hash(metadata, spec);
    runtime.limits = spec.limits;
    return runtime;
}

Result<backend::Features> Driver::features_of(const FunctionSource& source,
                                              const std::string& hash) {
    auto known = features_.find(hash);
    if (known == features_.end()) {
        auto features = backend_.features(source.environment);
        if (!features) {
            const auto what = source.spec.environment.empty()
                                  ? "the image of function " + model::qualified(source.metadata)
                                  : "environment " + model::qualified(source.environment_metadata);
            return Error(Errc::unavailable, what + " cannot run here: " + features.error().message,
                         features.error().detail, "executor");
        }
        known = features_.emplace(hash, *features).first;
    }
    return known->second;
}

/// Replicas of the function's own.
void Driver::give_workload(FunctionSource& source, const backend::Features& features,
                           backend::Runtime& runtime) {
    const bool container = source.spec.executor_type == "container";
    source.spec.requests_per_pod = source.spec.requests_per_replica();
    auto workload = std::make_shared<backend::Workload>();
    workload->kind =
        container ? backend::Workload::Kind::container : backend::Workload::Kind::environment;
    workload->function = source.metadata;
    workload->spec = source.spec;
    runtime.workload = std::move(workload);
    runtime.hash += ":" + source.hash;
    if (container || !features.env_at_load) runtime.env = source.env;
    set_own_limits(runtime, source.spec.limits);
}

Result<GenerationPtr> Driver::make_generation(FunctionSource source) {
    auto generation = std::make_shared<Generation>();
    auto runtime = environment_runtime(source.environment_metadata, source.environment);
    const auto features = features_of(source, runtime.hash);
    if (!features) return features.error();
    if (source.spec.executor_type == "container" && !features->workloads)
        return Error(Errc::unavailable,
                     "function " + model::qualified(source.metadata) +
                         " has ExecutorType container, which needs the kubernetes backend; here an "
                         "Environment with spec.runtime.local.command and protocol: http runs a "
                         "program that serves HTTP",
                     {}, "executor");
    generation->env_at_load = features->env_at_load;
    const bool own_env = !source.env.empty() && !features->env_at_load;
    const bool own_limits =
        !features->limits_at_load && differs(source.spec.limits, source.environment.limits);
    if (features->workloads && source.spec.has_workload()) {
        give_workload(source, *features, runtime);
    } else if (own_env || own_limits) {
        // Such a process can serve this function only, so it has a pool of its own that keeps
        // nothing warm.
        runtime.hash += ":" + source.hash;
        if (own_env) runtime.env = source.env;
        set_own_limits(runtime, source.spec.limits);
    }
    generation->metrics = &metrics_.environment(runtime.environment.ns, runtime.environment.name);
    generation->runtime = std::move(runtime);
    auto info = std::make_shared<FunctionInfo>();
    info->metadata = source.metadata;
    info->spec = source.spec;
    info->hash = source.hash;
    generation->info = std::move(info);
    generation->source = std::move(source);
    return generation;
}

/// Called under the resolve lock. A null generation: the function is gone.
void Driver::note_workload(const std::string& function, const FunctionSlotPtr& slot,
                           const Generation* generation) {
    std::string now;
    if (generation != nullptr && generation->runtime.workload) now = generation->runtime.hash;
    const auto before = workload_of_.find(function);
    if (before != workload_of_.end() && before->second != now) {
        workloads_.erase(before->second);
        pools_.retire(before->second);
        workload_of_.erase(before);
    }
    if (now.empty()) return;
    workload_of_[function] = now;
    workloads_[now] = slot;
    pools_.revive(now);
    backend_.update(generation->runtime);
}

}  // namespace hearth::executor
