#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hearth::backend {

/// What an image is known to bear. The first glob that matches an image's name decides; an image
/// nobody knows speaks Fission's contract and no more.
struct ImageTraits {
    std::string glob;             ///< "*" stands for any text: "*hearth/*-env*"
    bool env_at_load = false;     ///< takes `env` in /v2/specialize
    bool read_only_root = false;  ///< writes below /tmp and /userfunc only
    bool log_records = false;     ///< takes HEARTH_LOG=json
};

/// The object that owns every pod, so that deleting it (helm uninstall) takes them along.
struct OwnerReference {
    std::string api_version = "apps/v1", kind = "Deployment", name, uid;
    std::string ns;  ///< Kubernetes honours it in this namespace only
};

struct KubernetesBackendOptions {
    std::string installation =
        "hearth";  ///< label hearth.io/daemon; pods of other installations are left alone
    std::string
        fixed_namespace;  ///< pods of all environments; empty: each environment's own namespace
    std::string runner_image;  ///< must be given
    std::string runner_pull_policy = "IfNotPresent";
    std::string pull_policy = "IfNotPresent";  ///< of the environments' images
    std::vector<std::string> image_pull_secrets;
    std::optional<OwnerReference> owner;
    std::int64_t uid = 10001, gid = 10001;  ///< of every container; 0 is refused
    std::vector<ImageTraits> images = {{"*hearth/*-env*", true, true, true}};
    std::uint64_t default_memory_bytes = 512u << 20;  ///< limit where the spec gives none
    std::uint64_t default_memory_request_bytes = 64u << 20;
    std::uint32_t default_cpu_millicores = 2000;  ///< limit where the spec gives none; 0: none
    std::uint32_t default_cpu_request_millicores = 10;
    std::uint64_t ephemeral_storage_bytes = 2u << 30;  ///< code, /tmp and logs of one pod together
    std::uint64_t runner_memory_bytes =
        64u << 20;  ///< limit; page cache of the archive it unpacks counts
    std::size_t max_pods = 1000;
    std::chrono::milliseconds start_timeout{300'000};  ///< bounds a start whose deadline is later
    std::uint64_t peer_above_bytes =
        8u << 20;  ///< larger archives come from a pod of the same node; 0: never
    std::uint64_t archive_cache_bytes =
        64u << 20;                        ///< packed archives kept in memory, 1 MiB each at most
    std::size_t max_log_followers = 200;  ///< loaded instances whose output is read
    std::chrono::milliseconds adopt_timeout{
        5'000};          ///< so long starts wait for the pods found to answer
    struct Builds {
        std::filesystem::path folder;  ///< DIR/run/builds: results on their way; emptied at start
        std::uint64_t memory_bytes = 2048ull << 20;  ///< limit where the spec gives none
        /// Disk of one build, and of its cache where that is the pod's: past both the pod is ended.
        std::uint64_t scratch_bytes = 4096ull << 20, cache_bytes = 4096ull << 20;
        std::map<std::string, std::string> env;  ///< variables of each build
        /// A PersistentVolumeClaim in the pods' namespace with a folder per environment, kept
        /// between builds; empty: the cache of a build ends with its pod.
        std::string cache_claim;
    } builds;
    bool istio = false;  ///< requests by Service address, ports named for sidecars
    std::string cluster_domain = "cluster.local";
};

}  // namespace hearth::backend
