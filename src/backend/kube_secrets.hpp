#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "backend/kube_cluster.hpp"
#include "backend/kube_pod_factory.hpp"

namespace hearth::backend {

/// The Secrets the backend keeps in the cluster: the runners' token of each namespace and the
/// variables of runtimes that take none with their code. Each is made or read once; a token that is
/// there is never replaced. Thread: any.
class Secrets {
 public:
    Secrets(Cluster& cluster, const PodFactory& factory) : cluster_(cluster), factory_(factory) {}

    /// Errors: as Cluster::keep_secret; internal, when the Secret that is there holds no token.
    Task<Result<std::string>> token(std::string ns, Deadline deadline);
    /// Without waiting; empty when it is not known yet.
    std::string known_token(const std::string& ns) const;
    /// Makes the Secret of a runtime's variables, if it has any.
    Task<Result<void>> keep_variables(const Runtime& runtime, Deadline deadline);
    /// One that an earlier daemon made.
    void note_variables(const std::string& runtime_hash, const std::string& ns,
                        const std::string& name);
    /// Removes it when the runtime is retired.
    Task<Result<void>> drop_variables(std::string runtime_hash, Deadline deadline);

 private:
    Cluster& cluster_;
    const PodFactory& factory_;
    mutable std::mutex mutex_;
    std::map<std::string, std::string> tokens_;  ///< by namespace
    std::map<std::string, std::pair<std::string, std::string>>
        variables_;  ///< runtime hash → namespace, name
};

}  // namespace hearth::backend
