#include <boost/json/serialize.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "config/keys.hpp"
#include "hearth/config/daemon_config.hpp"
#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace hearth::config;
using namespace std::chrono_literals;

namespace {

using Variables = std::map<std::string, std::string>;

fs::path source_root() {
    return fs::path(__FILE__).parent_path().parent_path().parent_path();
}

/// A hearth.yaml in a folder of its own for one load().
class ConfigFile {
 public:
    explicit ConfigFile(const std::string& text) {
        std::string pattern = (fs::temp_directory_path() / "hearth-config-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        std::ofstream(path(), std::ios::binary) << text;
    }
    ~ConfigFile() {
        std::error_code ec;
        fs::remove_all(folder_, ec);
    }
    fs::path path() const { return folder_ / "hearth.yaml"; }

 private:
    fs::path folder_;
};

Loaded load_text(const std::string& text, const Variables& variables = {}) {
    const ConfigFile file(text);
    return load(file.path(), [&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
    });
}

/// "line:column key: reason" of each error.
std::vector<std::string> lines_of(const Loaded& loaded) {
    std::vector<std::string> lines;
    for (const auto& e : loaded.errors) {
        lines.push_back(std::to_string(e.line) + ":" + std::to_string(e.column) + " " + e.key +
                        ": " + e.reason);
    }
    return lines;
}

std::string read(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
}

void check_golden(const fs::path& path, const std::string& made) {
    if (std::getenv("HEARTH_UPDATE_GOLDEN") != nullptr)
        std::ofstream(path, std::ios::binary) << made;
    INFO(path << " is made from src/config/keys.cpp; HEARTH_UPDATE_GOLDEN=1 writes it anew");
    CHECK(read(path) == made);
}

}  // namespace

TEST_CASE("config: the reference and the example file follow the table of keys") {
    check_golden(source_root() / "config/configuration.md", reference_markdown());
    check_golden(source_root() / "config/hearth.yaml", example_yaml());
}

TEST_CASE("config: the example file loads to the defaults") {
    const auto loaded = load(source_root() / "config/hearth.yaml", nullptr);
    CHECK(lines_of(loaded).empty());
    CHECK(boost::json::serialize(to_json(loaded.config)) ==
          boost::json::serialize(to_json(DaemonConfig{})));
}

TEST_CASE("config: no file, an empty file and a file of comments give the defaults") {
    const auto defaults = to_json(DaemonConfig{});
    CHECK(to_json(load(std::nullopt, nullptr).config) == defaults);
    for (const std::string text : {"", "# nothing\n", "listen:\n  # gateway: x\n"}) {
        const auto loaded = load_text(text);
        CHECK(loaded.errors.empty());
        CHECK(to_json(loaded.config) == defaults);
    }
}

TEST_CASE("config: a named file that is not there is an error") {
    const auto loaded = load(fs::path("/nonexistent/hearth.yaml"), nullptr);
    REQUIRE(loaded.errors.size() == 1);
    CHECK(to_string(loaded.errors[0]) ==
          "/nonexistent/hearth.yaml: cannot be read; check the path and its permissions");
}

TEST_CASE("config: every form of value is read") {
    const auto loaded = load_text(R"(data: /srv/hearth
listen: {gateway: "0.0.0.0:80", api: "[::1]:0"}
auth: {required: false}
log: {level: debug, format: json, functionBytes: 8Mi}
gateway:
  maxBodySize: 1Gi
  serverTiming: true
  trustedProxies: [10.0.0.0/8, "fd00::/8", 192.0.2.1]
  headerTimeout: 1500ms
executor: {queuePerFunction: 0, maxInstances: 7, maxPoolSize: 5}
process: {memory: 64Mi, cpu: 250m, network: false, isolation: sandbox}
environments: {"*/python-env*": python, node: nodejs}
drainTimeout: 2m
drainDelay: 0s
shards: 3
)");
    CHECK(lines_of(loaded).empty());
    const auto& c = loaded.config;
    CHECK(c.data == "/srv/hearth");
    CHECK(c.listen.gateway == "0.0.0.0:80");
    CHECK(c.listen.api == "[::1]:0");
    CHECK_FALSE(c.auth.required);
    CHECK(c.log.level == "debug");
    CHECK(c.log.format == "json");
    CHECK(c.log.function_bytes == 8u << 20);
    CHECK(c.log.total_bytes == 256u << 20);
    CHECK(c.gateway.max_body_bytes == 1u << 30);
    CHECK(c.gateway.server_timing);
    CHECK(c.gateway.trusted_proxies ==
          std::vector<std::string>{"10.0.0.0/8", "fd00::/8", "192.0.2.1"});
    CHECK(c.gateway.header_timeout == 1500ms);
    CHECK(c.executor.queue_per_function == 0);
    CHECK(c.executor.max_instances == 7);
    CHECK(c.executor.max_pool_size == 5);
    CHECK(c.process.memory_bytes == 64u << 20);
    CHECK(c.process.cpu_millicores == 250);
    CHECK_FALSE(c.process.network);
    CHECK(c.process.isolation == "sandbox");
    CHECK(c.environments ==
          std::map<std::string, std::string>{{"*/python-env*", "python"}, {"node", "nodejs"}});
    CHECK(c.drain_timeout == 2min);
    CHECK(c.shards == 3);
}

TEST_CASE("config: to_json holds the values as the file would") {
    DaemonConfig config;
    config.drain_delay = 1500ms;
    config.process.cpu_millicores = 1500;
    config.environments["a"] = "b";
    const auto json = to_json(config);
    CHECK(json.at("drainDelay") == "1500ms");
    CHECK(json.at("drainTimeout") == "30s");
    CHECK(json.at("process").at("cpu") == "1500m");
    CHECK(json.at("gateway").at("maxBodySize") == "100Mi");
    CHECK(json.at("gateway").at("maxConnections") == 10000);
    CHECK(json.at("gateway").at("trustedProxies").as_array().empty());
    CHECK(json.at("environments").at("a") == "b");
    CHECK(json.at("auth").at("required") == true);
}

TEST_CASE("config: faults name line, column, key and remedy") {
    struct Row {
        const char* text;
        std::vector<std::string> lines;
    };
    const std::vector<Row> rows = {
        {"lisen: {gateway: x}\n",
         {"1:1 lisen: is no key of hearth.yaml; config/configuration.md lists them all"}},
        {"listen:\n  gatway: 127.0.0.1:1\n",
         {"2:3 listen.gatway: is no key of hearth.yaml; did you mean listen.gateway?"}},
        {"log: {draintimeout: 3s}\n",
         {"1:7 log.draintimeout: is no key of hearth.yaml; did you mean drainTimeout?"}},
        {"gateway: {drainTimeout: 3s}\n",
         {"1:11 gateway.drainTimeout: is no key of hearth.yaml; did you mean drainTimeout?"}},
        {"zzzzzzzzzzzz: 1\n",
         {"1:1 zzzzzzzzzzzz: is no key of hearth.yaml; config/configuration.md lists them all"}},
        {"shards: 1\nshards: 2\n", {"2:1 shards: stands twice; keep one"}},
        {"log:\n  level: info\n  level: info\n", {"3:3 log.level: stands twice; keep one"}},
        {"environments: {a: b, a: c}\n", {"1:22 environments.a: stands twice; keep one"}},
        {"shards: -1\n", {"1:9 shards: \"-1\" is not a whole number of 0 or more"}},
        {"shards: 1.5\n", {"1:9 shards: \"1.5\" is not a whole number of 0 or more"}},
        {"shards: \"2\"\n", {"1:9 shards: is a text in quotes; write the number without them"}},
        {"shards: 5000\n", {"1:9 shards: 5000 is out of range; use 0 to 1024"}},
        {"shards: [1]\n", {"1:9 shards: must be a single value"}},
        {"shards:\n", {"1:1 shards: has no value; give one or leave the key out"}},
        {"listen: 80\n", {"1:9 listen: must be a map of keys"}},
        {"- a\n", {"1:1 : must be a map of keys"}},
        {"auth: {required: yes}\n", {"1:18 auth.required: \"yes\" is neither true nor false"}},
        {"log: {level: loud}\n", {"1:14 log.level: \"loud\" is none of debug, info, warn, error"}},
        {"gateway: {headerTimeout: 1ms}\n",
         {"1:26 gateway.headerTimeout: 1ms is out of range; use 100ms to 10m"}},
        {"gateway: {trustedProxies: [10.0.0.0/33, 1.2.3.4]}\n",
         {"1:28 gateway.trustedProxies[0]: \"10.0.0.0/33\" is no address range; write 10.0.0.0/8 "
          "or fd00::/8"}},
        {"gateway: {trustedProxies: 10.0.0.0/8}\n",
         {"1:27 gateway.trustedProxies: must be a list"}},
        {"listen: {gateway: 8888}\n",
         {"1:19 listen.gateway: \"8888\" is no address; write HOST:PORT, [IPV6]:PORT or "
          "unix:/path"}},
        {"listen: {gateway: \"a:70000\"}\n",
         {"1:19 listen.gateway: \"70000\" is no port; use 0 to 65535 (0 picks a free one)"}},
        {"listen: {gateway: \"unix:x\"}\n",
         {"1:19 listen.gateway: a unix socket needs an absolute path: unix:/run/hearth.sock"}},
        {"shards: 1\n---\nshards: 2\n", {"3:1 : holds more than one document; keep one"}},
        {"shards: 5000\nlog: {level: loud}\nnope: 1\n",
         {"1:9 shards: 5000 is out of range; use 0 to 1024",
          "2:14 log.level: \"loud\" is none of debug, info, warn, error",
          "3:1 nope: is no key of hearth.yaml; config/configuration.md lists them all"}},
    };
    for (const auto& row : rows) {
        INFO(row.text);
        CHECK(lines_of(load_text(row.text)) == row.lines);
    }
}

TEST_CASE("config: durations and sizes need their unit") {
    for (const std::string text :
         {"drainTimeout: 30\n", "drainTimeout: soon\n", "process: {memory: lots}\n"}) {
        INFO(text);
        const auto loaded = load_text(text);
        REQUIRE(loaded.errors.size() == 1);
        CHECK(loaded.errors[0].line == 1);
        CHECK_FALSE(loaded.errors[0].reason.empty());
    }
}

TEST_CASE("config: a text that is no YAML is one fault with its place") {
    const auto loaded = load_text("listen: {gateway: x\nshards: 1\n");
    REQUIRE(loaded.errors.size() == 1);
    CHECK(loaded.errors[0].line > 0);
    CHECK(loaded.errors[0].reason.find("is no YAML: ") == 0);
}

TEST_CASE(
    "config: the API is not served beyond loopback without auth unless told so in so many words") {
    const std::string open = "auth: {required: false}\n";
    CHECK(load_text(open).errors.empty());
    CHECK(load_text(open + "listen: {api: \"127.9.9.9:1\"}\n").errors.empty());
    CHECK(load_text(open + "listen: {api: \"localhost:1\"}\n").errors.empty());
    CHECK(load_text(open + "listen: {api: \"unix:/tmp/x\"}\n").errors.empty());
    CHECK(load_text("listen: {api: \"0.0.0.0:1\"}\n").errors.empty());
    for (const std::string address :
         {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.com:1", "[::ffff:0.0.0.0]:1"}) {
        INFO(address);
        const auto loaded = load_text(open + "listen: {api: \"" + address + "\"}\n");
        REQUIRE(loaded.errors.size() == 1);
        CHECK(loaded.errors[0].line == 1);
        CHECK(loaded.errors[0].key == "auth.required");
        CHECK(loaded.errors[0].reason.find(address) != std::string::npos);
        CHECK(load_text("auth: {required: false, allowUnauthenticatedBeyondLoopback: "
                        "true}\nlisten: {api: \"" +
                        address + "\"}\n")
                  .errors.empty());
    }
}

TEST_CASE("config: values that contradict each other are refused") {
    CHECK(lines_of(load_text("listen: {gateway: \"127.0.0.1:9\", api: \"127.0.0.1:9\"}\n")) ==
          std::vector<std::string>{
              "1:34 listen.api: is the same address as listen.gateway; they need two"});
    CHECK(load_text("listen: {gateway: \"127.0.0.1:0\", api: \"127.0.0.1:0\"}\n").errors.empty());
    CHECK(lines_of(load_text("log: {functionBytes: 4Mi, totalBytes: 2Mi}\n")) ==
          std::vector<std::string>{"1:7 log.functionBytes: is larger than log.totalBytes"});
    CHECK(lines_of(load_text("process: {network: false, isolation: basic}\n")) ==
          std::vector<std::string>{
              "1:11 process.network: is false, which needs process.isolation: sandbox or auto"});
}

TEST_CASE("config: environment variables override the file and name themselves in faults") {
    const auto loaded = load_text("shards: 1\nlisten: {gateway: \"127.0.0.1:1\"}\n",
                                  {{"HEARTH_SHARDS", "4"},
                                   {"HEARTH_LISTEN__API", "127.0.0.1:2"},
                                   {"HEARTH_GATEWAY__TRUSTEDPROXIES", "10.0.0.0/8,::1"},
                                   {"HEARTH_ENVIRONMENTS", "*/a*=b,c=d"},
                                   {"HEARTH_PROCESS__CPU", "0"}});
    CHECK(lines_of(loaded).empty());
    CHECK(loaded.config.shards == 4);
    CHECK(loaded.config.listen.gateway == "127.0.0.1:1");
    CHECK(loaded.config.listen.api == "127.0.0.1:2");
    CHECK(loaded.config.gateway.trusted_proxies == std::vector<std::string>{"10.0.0.0/8", "::1"});
    CHECK(loaded.config.environments ==
          std::map<std::string, std::string>{{"*/a*", "b"}, {"c", "d"}});

    const auto wrong = load_text("", {{"HEARTH_LOG__LEVEL", "loud"}, {"HEARTH_ENVIRONMENTS", "x"}});
    REQUIRE(wrong.errors.size() == 2);
    CHECK(to_string(wrong.errors[0]) ==
          "environment: HEARTH_LOG__LEVEL: \"loud\" is none of debug, info, warn, error");
    CHECK(to_string(wrong.errors[1]) ==
          "environment: HEARTH_ENVIRONMENTS: \"x\" is no pair; write GLOB=NAME,GLOB=NAME");
}

TEST_CASE("config: every key round-trips through its text") {
    DaemonConfig config;
    config.environments = {{"a", "b"}, {"c", "d"}};
    config.gateway.trusted_proxies = {"10.0.0.0/8", "::1"};
    for (const auto& row : key_rows()) {
        INFO(row.name);
        DaemonConfig other;
        CHECK(assign_text(row, text_of(row, config), other) == "");
        CHECK(text_of(row, other) == text_of(row, config));
        CHECK_FALSE(row.doc.empty());
    }
}

TEST_CASE("config: the kubernetes section is read, nested sections too") {
    const auto loaded = load_text(
        "backend: kubernetes\nkubernetes:\n  runnerImage: registry/runner:1\n  namespace: fns\n"
        "  functionNamespaces: own\n  imagePullSecrets: [a, b]\n  runAsUser: 1000\n"
        "  limits: {memory: 256Mi, cpu: 500m, pods: 7}\n  istio: {enabled: true}\n"
        "  leaderLease: {enabled: true, seconds: 20}\n  peerAbove: 1Mi\n"
        "  environmentImages: [\"registry/py:*\"]\n",
        {{"HEARTH_KUBERNETES__LEADERLEASE__NAME", "lease"},
         {"HEARTH_KUBERNETES__REQUESTBUDGET", "5"}});
    CHECK(lines_of(loaded).empty());
    const auto& kubernetes = loaded.config.kubernetes;
    CHECK(loaded.config.backend == "kubernetes");
    CHECK(kubernetes.runner_image == "registry/runner:1");
    CHECK(kubernetes.ns == "fns");
    CHECK(kubernetes.function_namespaces == "own");
    CHECK(kubernetes.image_pull_secrets == std::vector<std::string>{"a", "b"});
    CHECK(kubernetes.environment_images == std::vector<std::string>{"registry/py:*"});
    CHECK(kubernetes.peer_above_bytes == 1u << 20);
    CHECK(kubernetes.run_as_user == 1000);
    CHECK(kubernetes.run_as_group == 10001);
    CHECK(kubernetes.limits.memory_bytes == 256u << 20);
    CHECK(kubernetes.limits.cpu_millicores == 500);
    CHECK(kubernetes.limits.max_pods == 7);
    CHECK(kubernetes.istio.enabled);
    CHECK(kubernetes.leader_lease.enabled);
    CHECK(kubernetes.leader_lease.name == "lease");
    CHECK(kubernetes.leader_lease.seconds == 20);
    CHECK(kubernetes.request_budget == 5);
    const auto json = to_json(loaded.config);
    CHECK(json.at("kubernetes").at("leaderLease").at("seconds") == 20);
    CHECK(json.at("kubernetes").at("limits").at("memory") == "256Mi");
}

TEST_CASE("config: what the kubernetes backend cannot work with is refused") {
    CHECK(lines_of(load_text("backend: kubernetes\n")) ==
          std::vector<std::string>{
              "0:0 kubernetes.runnerImage: is missing; with backend: kubernetes it names the image "
              "of the container that takes the functions' code"});
    CHECK(lines_of(load_text("backend: docker\n")) ==
          std::vector<std::string>{"1:10 backend: \"docker\" is none of process, kubernetes"});
    CHECK(lines_of(load_text("kubernetes: {runAsUser: 0, namespace: A, leaderLease: {secs: 1}}\n"))
              .size() == 3);
    CHECK(lines_of(load_text("kubernetes: {limits: {memory: 32Mi, cpu: 5m}}\n")).size() == 2);
    CHECK(load_text("kubernetes: {limits: {cpu: 0}}\n").errors.empty());
}

TEST_CASE("config: a bucket for archives is named whole") {
    const auto loaded = load_text(
        "archives:\n  store: s3\n  s3: {endpoint: 'http://127.0.0.1:9000', bucket: b, prefix: "
        "p/}\n",
        {{"HEARTH_ARCHIVES__S3__CACHESIZE", "128Mi"}});
    CHECK(lines_of(loaded).empty());
    CHECK(loaded.config.archives.store == "s3");
    CHECK(loaded.config.archives.s3.endpoint == "http://127.0.0.1:9000");
    CHECK(loaded.config.archives.s3.prefix == "p/");
    CHECK(loaded.config.archives.s3.cache_bytes == 128u << 20);
    CHECK(lines_of(load_text("archives: {store: s3}\n")) ==
          std::vector<std::string>{
              "1:12 archives.store: is s3, which needs archives.s3.endpoint, the store's URL",
              "1:12 archives.store: is s3, which needs archives.s3.bucket"});
}
