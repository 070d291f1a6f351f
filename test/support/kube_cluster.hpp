#pragma once

#include <signal.h>
#include <unistd.h>

#include <boost/json/parse.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "hearth/base/ids.hpp"
#include "hearth/http/client.hpp"
#include "hearth/kube/access.hpp"

namespace hearth::test {

/// The real cluster that KUBECONFIG names, as test/cluster/up starts it, with its API server in the
/// tests' hands.
class KubeCluster {
 public:
    KubeCluster() : config_(variable("KUBECONFIG")) {
        if (config_.empty())
            throw std::runtime_error("KUBECONFIG names no cluster; use test/run cluster");
        const auto folder = variable("CLUSTER_DIR");
        folder_ = folder.empty() ? config_.parent_path() : std::filesystem::path(folder);
    }
    /// Whatever a failed test has left.
    ~KubeCluster() {
        thaw();
        if (!running()) start();
    }

    kube::Access access() const {
        auto found = kube::kubeconfig_access(config_);
        if (!found) throw std::runtime_error(found.error().message);
        return *found;
    }

    /// As the machine's loss would: no goodbye to anybody.
    void kill_server() {
        command_ = command();
        ::kill(pid(), SIGKILL);
        while (running()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    void start() {
        std::string line = "cd '" + folder_.string() + "' || exit 1\nsetsid nohup";
        for (const auto& word : command_) line += " '" + word + "'";
        line += " >>log/kube-apiserver.log 2>&1 </dev/null &\necho $! >run/kube-apiserver.pid";
        if (std::system(line.c_str()) != 0) throw std::runtime_error("cannot start the API server");
    }
    /// Blocks until it is ready.
    void await() {
        for (int i = 0; i < 600; ++i) {
            const auto command = "'" + (folder_ / "bin/kube").string() +
                                 "' kubectl --kubeconfig '" + config_.string() +
                                 "' get --raw /readyz >/dev/null 2>&1";
            if (std::system(command.c_str()) == 0) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        throw std::runtime_error("the API server does not become ready");
    }
    void restart() {
        kill_server();
        start();
        await();
    }
    /// It keeps its connections, but does nothing any more.
    void freeze() { ::kill(pid(), SIGSTOP); }
    void thaw() { ::kill(pid(), SIGCONT); }

    /// etcd forgets all that is not current.
    void compact() const {
        auto head = ask_etcd("/v3/kv/range", "{\"key\":\"AA==\"}");
        const std::string revision(head.at("header").at("revision").as_string());
        ask_etcd("/v3/kv/compaction", "{\"revision\":\"" + revision + "\",\"physical\":true}");
    }
    /// Takes an object away while no API server is there to see it.
    void erase(const std::string& key) const {
        ask_etcd("/v3/kv/deleterange",
                 "{\"key\":\"" + base::base64_encode("/registry/" + key) + "\"}");
    }

 private:
    std::vector<std::string> command() const {
        return words_of("/proc/" + std::to_string(pid()) + "/cmdline");
    }
    static std::string variable(const char* name) {
        const char* value = std::getenv(name);
        return value == nullptr ? std::string() : std::string(value);
    }
    pid_t pid() const {
        std::ifstream in(folder_ / "run/kube-apiserver.pid");
        pid_t pid = 0;
        if (!(in >> pid))
            throw std::runtime_error("no kube-apiserver.pid below " + folder_.string());
        return pid;
    }
    /// A zombie whose parent does not care counts as gone.
    bool running() const {
        std::ifstream in("/proc/" + std::to_string(pid()) + "/status");
        for (std::string line; std::getline(in, line);)
            if (line.rfind("State:", 0) == 0) return line.find('Z') == std::string::npos;
        return false;
    }
    static std::vector<std::string> words_of(const std::string& file) {
        std::ifstream in(file, std::ios::binary);
        std::vector<std::string> words;
        for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
        return words;
    }
    boost::json::value ask_etcd(const std::string& path, const std::string& body) const {
        std::string url;
        const auto words = running() ? command() : command_;
        for (std::size_t i = 0; i + 1 < words.size(); ++i)
            if (words[i] == "--etcd-servers") url = words[i + 1];
        auto endpoint = http::Endpoint::parse(url.substr(url.find("//") + 2));
        if (!endpoint) throw std::runtime_error("no etcd at " + url);
        http::ClientRequest request;
        request.method = "POST";
        request.target = path;
        request.host = endpoint->to_string();
        request.body = body;
        const auto limit = Deadline::after(std::chrono::seconds(20));
        auto answer = http::fetch_blocking(*endpoint, std::move(request), limit);
        if (!answer || answer->status != 200)
            throw std::runtime_error("etcd refuses " + path + ": " +
                                     (answer ? answer->body : answer.error().message));
        return boost::json::parse(answer->body);
    }

    const std::filesystem::path config_;
    std::filesystem::path folder_;
    std::vector<std::string> command_;
};

/// Local ports of this process's connections to a port on IPv4.
inline std::set<unsigned> ports_connected_to(unsigned remote) {
    std::set<std::string> own;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code ec;
        const auto target = std::filesystem::read_symlink(entry.path(), ec).string();
        if (target.rfind("socket:[", 0) == 0) own.insert(target.substr(8, target.size() - 9));
    }
    std::set<unsigned> ports;
    std::ifstream in("/proc/self/net/tcp");
    std::string line;
    std::getline(in, line);
    while (std::getline(in, line)) {
        std::istringstream words(line);
        std::string number, local, peer, state, skip, inode;
        words >> number >> local >> peer >> state;
        for (int i = 0; i < 5; ++i) words >> skip;
        words >> inode;
        const auto port_of = [](const std::string& text) {
            return static_cast<unsigned>(std::stoul(text.substr(text.find(':') + 1), nullptr, 16));
        };
        if (state == "01" && port_of(peer) == remote && own.count(inode) == 1)
            ports.insert(port_of(local));
    }
    return ports;
}

}  // namespace hearth::test
