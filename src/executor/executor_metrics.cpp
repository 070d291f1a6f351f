#include "executor/executor_metrics.hpp"

namespace hearth::executor {
namespace {

constexpr std::string_view kAcquire = "hearth_executor_acquire_total";
constexpr std::string_view kAcquireHelp = "Places asked for, by how the wish ended.";
constexpr std::string_view kCold = "hearth_executor_cold_start_seconds";
constexpr std::string_view kColdHelp = "Where the time of cold starts went, by phase.";

}  // namespace

ExecutorMetrics::ExecutorMetrics(telemetry::Registry& registry)
    : immediate(registry.counter(kAcquire, kAcquireHelp, {{"result", "immediate"}})),
      waited(registry.counter(kAcquire, kAcquireHelp, {{"result", "waited"}})),
      timeout(registry.counter(kAcquire, kAcquireHelp, {{"result", "timeout"}})),
      refused(registry.counter(kAcquire, kAcquireHelp, {{"result", "refused"}})),
      instance_deaths(registry.counter("hearth_executor_instance_deaths_total",
                                       "Instances that ended without having been told to.")),
      evictions(registry.counter("hearth_executor_evictions_total",
                                 "Idle instances stopped to make room for another function.")),
      instances(registry.gauge("hearth_executor_instances",
                               "Instances started or starting, of all kinds.")),
      functions(registry.gauge("hearth_executor_active_functions",
                               "Functions with instances or waiting requests.")),
      registry_(registry) {}

EnvironmentMetrics& ExecutorMetrics::environment(const std::string& ns, const std::string& name) {
    std::lock_guard lock(mutex_);
    auto& series = environments_[ns + "/" + name];
    if (series) return *series;
    const telemetry::Labels labels = {{"namespace", ns}, {"environment", name}};
    const auto phase = [&](const char* word) -> telemetry::Histogram& {
        auto with_phase = labels;
        with_phase.emplace_back("phase", word);
        return registry_.histogram(kCold, kColdHelp, std::move(with_phase));
    };
    series.reset(new EnvironmentMetrics{
        phase("queue"), phase("start"), phase("load"),
        registry_.counter("hearth_executor_load_failures_total", "Loads of code that failed.",
                          labels),
        registry_.gauge("hearth_executor_pool_warm", "Generic instances that are ready.", labels),
        registry_.gauge("hearth_executor_pool_target", "Generic instances wanted now.", labels),
        registry_.gauge("hearth_executor_pool_starting", "Generic instances being started.",
                        labels)});
    return *series;
}

}  // namespace hearth::executor
