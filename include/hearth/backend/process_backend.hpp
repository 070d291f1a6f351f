#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/backend/backend.hpp"
#include "hearth/telemetry/function_log.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::backend {

/// How source packages of a language are built on this machine: the `builder` section of its env.yaml.
struct LocalBuilder {
    std::string image;                       ///< builder image a new Environment of this kind gets
    std::vector<std::string> images;         ///< globs on the builder image's name: "*/python-builder*"
    std::vector<std::string> command;        ///< ${ENV_DIR} is replaced; what the build command `build` stands for
    std::map<std::string, std::string> env;
    std::vector<std::string> check;          ///< command whose exit code 0 means that its tools are installed
    std::string check_remedy;
};

/// One language environment of the machine: env-images/<folder>/env.yaml, read once at start.
struct LocalEnvironment {
    std::string name;                        ///< "python"
    std::filesystem::path folder;
    std::vector<std::string> images;         ///< globs on the image name: "*/python-env*"
    std::vector<std::string> extensions;     ///< ".py": how `hearth deploy` guesses
    std::string image;                       ///< image a new Environment of this kind gets
    std::vector<std::string> command;        ///< ${ENV_DIR} is replaced
    std::vector<std::string> zygote;         ///< empty: none
    std::map<std::string, std::string> env;
    bool env_at_load = false;
    bool listen_tcp = false;                 ///< `listen: tcp`: the runtime only knows ports; it gets PORT as well
    std::vector<std::string> check;          ///< command whose exit code 0 means that the runtime is installed
    std::string check_remedy;                ///< what to install otherwise
    std::optional<LocalBuilder> builder;     ///< none: source packages of it cannot be built here
    std::vector<std::string> prepare;        ///< script that makes what the runtime needs besides packages of the system
};

/// Reads `*/env.yaml` below `folder`. Errors: invalid_argument with file, line and key.
Result<std::vector<LocalEnvironment>> load_local_environments(const std::filesystem::path& folder);

struct ProcessBackendOptions {
    std::filesystem::path run_folder;        ///< DIR/run: sockets and per-instance folders; emptied at start
    std::vector<LocalEnvironment> environments;
    std::map<std::string, std::string> image_table;  ///< config `environments`: image glob → environment name; first
    enum class Isolation { automatic, sandbox, basic } isolation = Isolation::automatic;
    std::uint64_t default_memory_bytes = 512u << 20;
    std::uint32_t default_cpu_millicores = 0;        ///< 0: unlimited
    std::uint32_t max_processes_per_instance = 256;
    std::size_t max_instances = 1000;
    std::string self_exe = "/proc/self/exe";         ///< run as `exec-instance …`
    bool network = true;                             ///< functions may reach the network
    struct Builds {
        std::filesystem::path cache_folder;          ///< DIR/build-cache: one folder per environment; empty: no caches
        std::filesystem::path home;                  ///< its files are copied into the HOME of each build; may be empty
        std::map<std::string, std::string> env;      ///< variables of each build
        std::uint64_t memory_bytes = 2048ull << 20;  ///< of one build whose environment says nothing
        std::uint32_t cpu_millicores = 0;
        std::uint32_t max_processes = 1024;
        std::uint64_t scratch_bytes = 4096ull << 20; ///< disk of one build; past it the build is ended
        std::uint64_t cache_bytes = 4096ull << 20;   ///< disk kept of one environment's builds
    } builds;
};

Result<std::unique_ptr<Backend>> make_process_backend(ProcessBackendOptions options, aio::Shards& shards,
                                                      aio::BlockingPool& pool, telemetry::FunctionLog& function_log,
                                                      telemetry::Logger& log, telemetry::Registry& metrics);

/// Entry of the hidden subcommand `hearth exec-instance`: applies limits to the own process (parent-death signal,
/// rlimits, cgroup, user, sandbox), then becomes the runtime. Returns only on failure, with the exit code.
int exec_instance(int argc, char** argv);

}  // namespace hearth::backend
