#include "backend/kube_metrics.hpp"

namespace hearth::backend {

KubeMetrics::KubeMetrics(telemetry::Registry& r)
    : pods(r.gauge("hearth_kube_pods", "Pods of this installation that are known.")),
      pods_created(r.counter("hearth_kube_pods_created_total", "Pods made for pools.")),
      starts_failed(r.counter("hearth_kube_starts_failed_total", "Starts that gave no instance.")),
      found(r.counter("hearth_kube_pods_found_total",
                      "Pods that were there unasked and were proven.")),
      disposed(r.counter("hearth_kube_pods_disposed_total",
                         "Pods deleted because they were of no use.")),
      archives_sent(r.counter("hearth_kube_archives_sent_total", "Loads whose package was sent.")),
      archives_from_peer(r.counter("hearth_kube_archives_from_peer_total",
                                   "Loads whose package came from a pod of the same node.")),
      archive_bytes_sent(
          r.counter("hearth_kube_archive_bytes_sent_total", "Bytes of packages sent.")),
      label_patches(r.counter("hearth_kube_label_patches_total", "Pods labelled after a load.")),
      label_patches_failed(r.counter("hearth_kube_label_patches_failed_total",
                                     "Attempts to label a pod after a load that failed.")),
      followers_refused(r.counter("hearth_kube_output_unread_total",
                                  "Instances whose output is not read, because too many are.")),
      followers(r.gauge("hearth_kube_output_followed", "Instances whose output is read.")),
      start_seconds(
          r.histogram("hearth_kube_start_seconds", "From a pod's order to its proven address.")),
      load_seconds(r.histogram("hearth_kube_load_seconds", "Code pushed into a pod and loaded.")),
      adoption_seconds(
          r.histogram("hearth_kube_adoption_seconds",
                      "From the daemon's start until the pods that were there are known.")) {
    using Cause = InstanceExit::Cause;
    const std::pair<Cause, const char*> causes[] = {{Cause::exited, "exited"},
                                                    {Cause::signalled, "signalled"},
                                                    {Cause::out_of_memory, "oom"},
                                                    {Cause::stopped, "stopped"}};
    for (const auto& [cause, name] : causes)
        exits[cause] = &r.counter("hearth_kube_instance_exits_total", "Instances that ended.",
                                  {{"cause", name}});
}

}  // namespace hearth::backend
