#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/model/pod_settings.hpp"
#include "hearth/model/resource.hpp"

namespace hearth::model {

struct Limits {
    std::uint64_t memory_bytes = 0;      ///< 0: the configured default
    std::uint32_t cpu_millicores = 0;    ///< 0: unlimited
    bool operator==(const Limits&) const = default;
};

/// Pod settings are shared between copies of a spec; two specs are equal when what they say is.
class PodSettingsPtr {
  public:
    PodSettingsPtr() = default;
    explicit PodSettingsPtr(PodSettings settings) : settings_(std::make_shared<const PodSettings>(std::move(settings))) {}
    explicit operator bool() const { return settings_ != nullptr; }
    const PodSettings& operator*() const { return *settings_; }
    const PodSettings* operator->() const { return settings_.get(); }
    bool operator==(const PodSettingsPtr& other) const {
        return settings_ == other.settings_ || (settings_ && other.settings_ && *settings_ == *other.settings_);
    }

  private:
    std::shared_ptr<const PodSettings> settings_;
};

/// How source packages of an environment are built: spec.builder.
struct BuilderSpec {
    std::string image;                        ///< empty: the environment has no builder of its own
    std::vector<std::string> command;         ///< words; empty: `build`
    std::map<std::string, std::string> env;   ///< builder.container.env (literal values)
    Limits limits;                            ///< builder.container.resources
    bool operator==(const BuilderSpec&) const = default;
};

struct EnvironmentSpec {
    int version = 3;
    std::string image;
    std::vector<std::string> local_command;   ///< spec.runtime.local.command; empty: by image name
    bool local_http = false;                  ///< spec.runtime.local.protocol is http: nothing is asked to load code
    std::map<std::string, std::string> env;   ///< runtime.local.env and runtime.container.env (literal values)
    int poolsize = 3;
    bool keeparchive = false;
    std::chrono::seconds termination_grace{90};
    Limits limits;
    /// runtime.container, runtime.podspec, resources, imagepullsecret, merged; null when none of them is given.
    PodSettingsPtr pod;
    BuilderSpec builder;
    bool operator==(const EnvironmentSpec&) const = default;
};

struct Archive {
    enum class Type { none, literal, files, url };
    Type type = Type::none;
    std::string literal;                       ///< decoded bytes
    std::map<std::string, std::string> files;  ///< relative path → text
    std::string url;                           ///< "archive://sha256-hex" once stored by Hearth
    std::string sha256;                        ///< checksum.sum; lower-case hex
};

struct PackageSpec {
    std::string environment;
    Archive source;
    Archive deployment;
    std::string buildcmd;
};

struct FileMount {
    std::string name;        ///< of the Secret or ConfigMap, same namespace
    std::string mount_path;  ///< relative; empty: /secrets/<ns>/<name> or /configs/<ns>/<name>
    bool operator==(const FileMount&) const = default;
};

struct EnvVar {
    std::string name;
    std::string value;
    std::string secret, config_map, key;  ///< valueFrom; `key` of one of them
    bool optional = false;
    bool operator==(const EnvVar&) const = default;
};

struct EnvFrom {
    std::string secret, config_map, prefix;
    bool operator==(const EnvFrom&) const = default;
};

/// Requests in flight per replica of a newdeploy or container function that says nothing of it. Such a replica is a
/// whole server (Fission sends it any number at once), and one replica per request would make a burst a storm of pods.
inline constexpr int kRequestsPerReplica = 20;
inline constexpr int kDefaultContainerPort = 8888;

struct FunctionSpec {
    std::string environment;    ///< empty: executor type container without one
    std::string package;        ///< empty: executor type container
    std::string function_name;  ///< entry point; empty: the environment's default
    std::vector<FileMount> secrets;
    std::vector<FileMount> config_maps;
    std::vector<EnvVar> env;
    std::vector<EnvFrom> env_from;
    Limits limits;
    std::string executor_type = "poolmgr";
    std::chrono::milliseconds function_timeout{60'000};
    std::chrono::milliseconds specialization_timeout{120'000};
    std::chrono::milliseconds idle_timeout{120'000};
    int concurrency = 500;        ///< most instances of one generation
    int requests_per_pod = 1;     ///< of a replica: requests_per_replica()
    bool requests_per_pod_given = false;
    bool once_only = false;
    int retain_pods = 0;
    struct Streaming {
        std::chrono::milliseconds idle{60'000};
        std::chrono::milliseconds max{0};  ///< 0: none
        bool operator==(const Streaming&) const = default;
    };
    std::optional<Streaming> streaming;
    // Executor types newdeploy and container.
    int min_scale = 0;            ///< instances kept without a request
    int max_scale = 0;            ///< most instances: MaxScale, or `concurrency` without one; never below min_scale
    int target_cpu_percent = 0;   ///< 0: no scaling by CPU
    boost::json::array hpa_metrics;     ///< autoscaling/v2 metrics; with them the backend makes an HPA
    boost::json::object hpa_behavior;
    PodSettingsPtr pod;           ///< spec.podspec and spec.resources merged; container type: never null
    int container_port = 0;       ///< container type: the port that `pod->main` serves on
    bool operator==(const FunctionSpec&) const = default;

    bool has_workload() const { return executor_type == "newdeploy" || executor_type == "container"; }
    /// Requests in flight that one replica of its workload is sent at most.
    int requests_per_replica() const { return requests_per_pod_given ? requests_per_pod : kRequestsPerReplica; }
};

struct CorsConfig {
    std::vector<std::string> allow_origins, allow_methods, allow_headers, expose_headers;
    bool allow_credentials = false;
    std::chrono::seconds max_age{0};
};

/// What a route asks of a caller. Empty of both: nothing.
struct RouteAuth {
    std::string api_key_secret;   ///< Secret whose values are the accepted keys (header X-API-Key, or Bearer)
    struct Hmac {
        /// What is signed and where the signature stands. plain: the body, as GitHub does; stripe: "TIME.BODY" under v1= of
        /// the header, which holds t=TIME as well; slack: "v0:TIME:BODY", the time in X-Slack-Request-Timestamp.
        enum class Scheme { plain, stripe, slack } scheme = Scheme::plain;
        std::string secret, key;          ///< Secret and its key
        std::string header = "X-Hub-Signature-256";
        std::string prefix = "sha256=";   ///< hex HMAC-SHA256 follows it
        std::chrono::milliseconds tolerance{300'000};  ///< how far a signed time may be from now: the replay window
    };
    std::optional<Hmac> hmac;
};

struct HttpTriggerSpec {
    std::string host;                  ///< empty: any
    std::string path;                  ///< exact, may hold {name} segments; empty when `prefix`
    std::optional<std::string> prefix;
    bool keep_prefix = false;
    std::vector<std::string> methods;  ///< upper case; empty after normalising means GET
    std::string function; bool workflow = false;  ///< functionref; workflow: of type workflow, `function` names a Workflow
    std::optional<CorsConfig> cors;
    RouteAuth auth;
    std::optional<std::chrono::milliseconds> timeout;  ///< shortens the function's own
    std::optional<std::uint64_t> max_body_bytes;
    bool server_timing = false;        ///< always send Server-Timing
    /// Requests must be CloudEvents, in either mode, and reach the function in this one. none: they pass as they are.
    enum class Events { none, binary, structured };
    Events cloud_events = Events::none;
    bool async = false;                ///< invocationMode async: answered 202 once the call is durable
};

struct ApiTokenSpec {
    enum class Role { view, call, deploy, admin };
    Role role = Role::view;
    std::string sha256;      ///< of the token's text; the text itself is shown once and not kept
    bool all_namespaces = false;
    std::string expires;     ///< RFC 3339 or empty
};

/// Typed forms of a resource that check() accepted. Errors: internal when it was not (a bug or a foreign database).
Result<EnvironmentSpec> decode_environment(const Resource& resource);
Result<PackageSpec> decode_package(const Resource& resource);
Result<FunctionSpec> decode_function(const Resource& resource);
Result<HttpTriggerSpec> decode_http_trigger(const Resource& resource);
Result<ApiTokenSpec> decode_api_token(const Resource& resource);
/// Secret and ConfigMap: key → raw bytes.
Result<std::map<std::string, std::string>> decode_data(const Resource& resource);

}  // namespace hearth::model
