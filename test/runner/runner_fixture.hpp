#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "runner/configuration.hpp"
#include "runner/exchange.hpp"
#include "runner/server.hpp"
#include "support/temp_dir.hpp"

namespace hearth::test {

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline unsigned mode_of(const std::filesystem::path& path) {
    return static_cast<unsigned>(std::filesystem::symlink_status(path).permissions()) & 07777u;
}

/// Every path below `folder`, relative to it.
inline std::set<std::string> tree(const std::filesystem::path& folder) {
    std::set<std::string> out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        out.insert(std::filesystem::relative(entry.path(), folder).string());
    }
    return out;
}

/// The volumes of a pod and its token.
struct PodFolders {
    PodFolders() {
        for (const char* name : {"userfunc", "secrets", "configs"}) {
            std::filesystem::create_directory(root() / name);
        }
        write_file(root() / "token", "s3cret\n");
    }
    const std::filesystem::path& root() const { return folder.path(); }
    std::filesystem::path userfunc() const { return root() / "userfunc"; }

    TempDir folder;
};

/// A connection to a runner that knows the token.
class RunnerClient {
 public:
    explicit RunnerClient(unsigned short port) : wire_(wire_to(port)) {}

    Answer get(std::string_view target, std::string_view headers = kToken) {
        return call("GET", target, headers, "");
    }
    Answer call(std::string_view method, std::string_view target, std::string_view headers,
                std::string_view body) {
        wire_.send(request_text(method, target, headers, body));
        return read_answer(wire_);
    }
    Answer load(const boost::json::object& order, std::string_view archive = "") {
        return call("POST", "/v1/load", kLoad,
                    boost::json::serialize(order) + "\n" + std::string(archive));
    }
    Answer put_settings(const boost::json::object& settings) {
        return call("PUT", "/v1/settings", kToken, boost::json::serialize(settings));
    }
    Wire& wire() { return wire_; }

    static constexpr std::string_view kToken = "Authorization: Bearer s3cret\r\n";
    static constexpr std::string_view kLoad =
        "Authorization: Bearer s3cret\r\nContent-Type: application/vnd.hearth.load\r\n";

 private:
    Wire wire_;
};

/// A runner in this process, its loop in a thread of its own.
class RunnerFixture {
 public:
    /// `environment` is the port of the one beside it; 0: there is none.
    explicit RunnerFixture(unsigned short environment,
                           runner::Configuration::ReadyWhen when =
                               runner::Configuration::ReadyWhen::environment_answers) {
        runner::Configuration configuration;
        configuration.listen = *runner::parse_endpoint("127.0.0.1:0");
        configuration.token_file = (folders.root() / "token").string();
        configuration.pod_uid = "pod-uid";
        configuration.pod_name = "pod-name";
        configuration.root = folders.root().string();
        configuration.ready_when = when;
        if (environment != 0) {
            configuration.environment =
                *runner::parse_endpoint("127.0.0.1:" + std::to_string(environment));
        }
        server_.emplace(loop_, std::move(configuration));
        if (auto started = server_->start(); started.has_error()) {
            throw std::runtime_error(started.error().detail);
        }
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~RunnerFixture() {
        boost::asio::post(loop_, [this] { server_->stop(); });
        thread_.join();
    }

    unsigned short port() const { return server_->endpoint().port(); }
    RunnerClient client() const { return RunnerClient(port()); }
    /// One request on a connection of its own.
    Answer get(std::string_view target) const { return client().get(target); }
    Answer load(const boost::json::object& order, std::string_view archive = "") const {
        return client().load(order, archive);
    }
    /// Returns when the environment answers.
    void wait_ready() const { get("/v1/state?wait=ready&timeoutMs=10000"); }

    PodFolders folders;

 private:
    boost::asio::io_context loop_{1};
    std::optional<runner::Server> server_;
    std::thread thread_;
};

inline const std::string kDigest(64, 'a');

/// What a daemon sends for a small Python function.
inline boost::json::object order(std::string_view identity = "hello-1") {
    return {{"identity", identity},
            {"digest", kDigest},
            {"archive", "tar"},
            {"functionName", "main.main"},
            {"function",
             {{"namespace", "default"}, {"name", "hello"}, {"uid", "u1"}, {"generation", 3}}},
            {"metadata", {{"name", "hello"}, {"namespace", "default"}, {"uid", "u1"}}},
            {"contract", 2},
            {"envVersion", 2},
            {"timeoutMs", 10000}};
}

}  // namespace hearth::test
