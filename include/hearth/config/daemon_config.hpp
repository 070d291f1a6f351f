#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::config {

/// hearth.yaml as typed values. config/hearth.yaml documents every key with unit, default and effect.
struct DaemonConfig {
    std::filesystem::path data = "hearth-data";
    std::string backend = "process";                     ///< process, kubernetes
    struct Listen {
        std::string gateway = "127.0.0.1:8888";
        std::string api = "127.0.0.1:8890";
    } listen;
    struct Auth {
        bool required = true;
        /// Must be true, in so many words, to serve the API without auth beyond loopback.
        bool allow_unauthenticated_beyond_loopback = false;
    } auth;
    struct Log {
        std::string level = "info";
        std::string format = "auto";                     ///< json, text, auto (text on a terminal)
        std::uint64_t function_bytes = 4u << 20;         ///< kept per function
        std::uint64_t total_bytes = 256u << 20;
    } log;
    struct Gateway {
        std::uint64_t max_body_bytes = 100u << 20;
        bool server_timing = false;
        std::vector<std::string> trusted_proxies;
        std::chrono::milliseconds header_timeout{10'000};
        std::chrono::milliseconds idle_timeout{75'000};
        std::size_t max_connections = 10'000;
    } gateway;
    struct Executor {
        std::size_t queue_per_function = 1000;
        std::size_t max_instances = 200;
        int max_pool_size = 50;
    } executor;
    struct Process {
        std::filesystem::path environments_folder;       ///< empty: env-images beside the binary's tree, then /usr/share/hearth
        std::string isolation = "auto";                  ///< auto, sandbox, basic
        std::uint64_t memory_bytes = 512u << 20;
        std::uint32_t cpu_millicores = 0;
        std::uint32_t max_processes = 256;
        bool network = true;
    } process;
    struct Kubernetes {
        std::filesystem::path kubeconfig;                ///< empty: the pod's service account, else KUBECONFIG, else ~/.kube/config
        std::string context;                             ///< of the kubeconfig; empty: its current one
        std::string ns;                                  ///< `namespace`; empty: the service account's or the context's
        std::string function_namespaces = "one";         ///< one: pods live in `ns`; own: in the namespace of that name
        std::vector<std::string> watch_namespaces;       ///< others than its own that a KubernetesWatchTrigger may watch; "*": all
        std::string installation = "hearth";
        std::string deployment;                          ///< owner of all pods; empty: none
        std::string runner_image;                        ///< must be given
        std::string image_pull_policy = "IfNotPresent";
        std::vector<std::string> image_pull_secrets;
        std::vector<std::string> environment_images;     ///< globs: made of Hearth's environments, besides *hearth/*-env*
        std::uint32_t run_as_user = 10001, run_as_group = 10001;
        struct Limits {
            std::uint64_t memory_bytes = 512u << 20, memory_request_bytes = 64u << 20;
            std::uint32_t cpu_millicores = 2000, cpu_request_millicores = 10;   ///< limit 0: none
            std::uint64_t ephemeral_storage_bytes = 2048ull << 20;
            std::size_t max_pods = 1000;
        } limits;
        std::chrono::milliseconds start_timeout{300'000};
        std::uint64_t peer_above_bytes = 8u << 20;       ///< larger archives come from a pod of the same node; 0: never
        std::uint32_t request_budget = 20;               ///< requests per second to the API server, on average
        struct Istio { bool enabled = false; } istio;
        std::string cluster_domain = "cluster.local";
        struct LeaderLease {
            bool enabled = false;
            std::string name = "hearth";
            std::uint32_t seconds = 15;
        } leader_lease;
    } kubernetes;
    struct Build {
        std::uint32_t concurrency = 2;
        std::chrono::milliseconds timeout{900'000};
        std::uint64_t memory_bytes = 2048ull << 20;
        std::uint64_t scratch_bytes = 4096ull << 20;     ///< disk of one build
        std::uint64_t cache_bytes = 4096ull << 20;       ///< disk kept between builds of one Environment
        std::uint64_t log_bytes = 2u << 20;              ///< kept of one package's newest build
        std::filesystem::path home;                      ///< copied into each build's HOME; empty: nothing
        std::map<std::string, std::string> env;
        std::string cache_claim;                         ///< PersistentVolumeClaim; empty: none
    } build;
    struct Packages {
        std::uint64_t max_bytes = 256u << 20;            ///< of one packed archive
        bool allow_private_addresses = false;            ///< when archives are fetched from a URL
        std::filesystem::path ca_file;                   ///< PEM, trusted besides the system's authorities
        std::chrono::milliseconds fetch_timeout{120'000};
        std::size_t fetches_at_once = 8;                 ///< of all requests together
    } packages;
    struct Archives {
        std::string store = "disk";                      ///< disk: DATA/archives; s3: a bucket, with DATA/archives as its cache
        struct S3 {
            std::string endpoint;                        ///< URL without path
            std::string bucket;
            std::string region = "us-east-1";
            std::string prefix;                          ///< before each object's name; "team/hearth/"
            std::filesystem::path credentials_file;      ///< profile `default`; empty: the variables AWS_ACCESS_KEY_ID …
            std::filesystem::path ca_file;               ///< PEM, trusted besides the system's authorities
            std::uint64_t cache_bytes = 4096ull << 20;
            std::chrono::milliseconds timeout{120'000};  ///< of one transfer
        } s3;
    } archives;
    struct Queues {
        std::string kafka_brokers, nats_servers;         ///< of MessageQueueTriggers that name none
    } queues;
    struct Async {
        std::uint32_t max_running = 256;                 ///< queued calls of all functions that run at once
        std::size_t max_pending = 100'000;
        std::uint64_t max_body_bytes = 1u << 20, max_result_bytes = 1u << 20;
        std::chrono::milliseconds keep_succeeded{3'600'000};
        std::chrono::milliseconds keep_failed{7 * 24 * 3'600'000LL};
        std::size_t most_succeeded = 10'000, most_failed = 10'000;
    } async;
    struct Workflows {
        std::size_t max_running = 10'000;                ///< runs that have not ended, sub-workflows not counted
        std::uint32_t max_calls = 256;                   ///< of all runs at once
        std::uint64_t max_input_bytes = 256u << 10, max_value_bytes = 4u << 20, memory_value_bytes = 64u << 10;
        std::uint32_t max_items = 10'000, max_steps = 100'000;
        std::chrono::milliseconds keep_finished{7 * 24 * 3'600'000LL};
        std::size_t most_finished = 100'000;
    } workflows;
    std::map<std::string, std::string> environments;     ///< image glob → environment name
    std::chrono::milliseconds drain_timeout{30'000};     ///< for requests in flight at SIGTERM
    std::chrono::milliseconds drain_delay{0};            ///< readiness 503 before the listener closes
    std::size_t shards = 0;                              ///< 0: one per core
};

struct ConfigError {
    std::string file;
    int line = 0, column = 0;
    std::string key;
    std::string reason;
};
std::string to_string(const ConfigError& error);

struct Loaded {
    DaemonConfig config;
    std::vector<ConfigError> errors;                     ///< all at once; empty: the config is good
};

/// Defaults, then the file (may be absent when not named), then environment variables: HEARTH_ and the key in upper case
/// with `__` between levels (HEARTH_LISTEN__GATEWAY). `env` gives a variable's value.
Loaded load(const std::optional<std::filesystem::path>& file,
            const std::function<std::optional<std::string>(const std::string&)>& env);

/// The effective values as JSON, by key.
boost::json::object to_json(const DaemonConfig& config);
/// Markdown table of every key: type, default, unit, effect, environment variable.
std::string reference_markdown();

}  // namespace hearth::config
