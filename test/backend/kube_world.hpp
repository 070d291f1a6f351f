#pragma once

#include <unistd.h>

#include <boost/json.hpp>

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backend/kube_cluster.hpp"
#include "backend/kube_fake_runner.hpp"
#include "backend/kube_pod_factory.hpp"
#include "support/http_fixture.hpp"

namespace hearth::test {

/// A cluster of one thread's making: pods are objects in a map, and each pod that runs has a runner
/// on a loopback address of its own. Everything that is asked of it is written down in `requests`.
class FakeWorld {
 public:
    enum class Start { runs, stays_pending };

    FakeWorld() = default;
    ~FakeWorld() { fixture_.stop(); }

    boost::json::object& object(const std::string& key) { return pods_.at(key); }
    std::size_t pods() {
        std::lock_guard lock(mutex);
        return pods_.size();
    }
    std::vector<std::string> keys() {
        std::lock_guard lock(mutex);
        std::vector<std::string> all;
        for (const auto& [key, pod] : pods_) all.push_back(key);
        return all;
    }
    bool has(const std::string& key) {
        std::lock_guard lock(mutex);
        return pods_.contains(key);
    }
    std::size_t count(const std::string& request) {
        std::lock_guard lock(mutex);
        std::size_t n = 0;
        for (const auto& r : requests) n += r == request ? 1 : 0;
        return n;
    }
    FakeRunner& runner(const std::string& key) { return runners_[key]; }

    /// Adds a pod as the API server would show it, without telling anybody.
    std::string put(boost::json::object pod) {
        auto& metadata = pod.at("metadata").as_object();
        const auto key = std::string(metadata.at("namespace").as_string()) + "/" +
                         std::string(metadata.at("name").as_string());
        metadata["uid"] = "uid-" + std::to_string(++uids_);
        pod["status"] = boost::json::object{{"phase", "Pending"}};
        pods_[key] = std::move(pod);
        return key;
    }
    /// Gives it an address with a runner behind it.
    void run(const std::string& key) {
        const int n = ++ips_;
        const auto ip = "127." + std::to_string(getpid() % 200 + 20) + "." +
                        std::to_string(n / 250) + "." + std::to_string(n % 250 + 1);
        const auto uid = std::string(pods_.at(key).at("metadata").at("uid").as_string());
        auto options = HttpFixture::options();
        options.listen.host = ip;
        options.listen.port = backend::kRunnerPort;
        fixture_.serve([this, key, uid](http::Exchange& e) { return answer(e, key, uid); },
                       options);
        set_status(key, "Running", ip, R"({"running":{}})");
    }
    void set_status(const std::string& key, const std::string& phase, const std::string& ip,
                    const std::string& environment, const std::string& id = "e1") {
        auto& pod = pods_.at(key);
        pod.at("spec").as_object()["nodeName"] = "node";
        boost::json::object status;
        status["phase"] = phase;
        status["podIP"] = ip;
        const auto kind = pod.at("metadata").at("labels").as_object().if_contains("hearth.io/kind");
        if (kind != nullptr && *kind == "build")
            status["containerStatuses"] =
                boost::json::parse(R"([{"name":"builder","state":)" + environment + "}]");
        else
            status["containerStatuses"] = boost::json::parse(
                R"([{"name":"environment","containerID":")" + id + R"(","state":)" + environment +
                R"(},{"name":"runner","containerID":"r1","state":{"running":{}}}])");
        status["conditions"] = boost::json::parse(
            R"([{"type":"PodScheduled","status":"True"},{"type":"Ready","status":"True"}])");
        pod["status"] = std::move(status);
    }
    std::string ip(const std::string& key) {
        return std::string(pods_.at(key).at("status").at("podIP").as_string());
    }
    void tell(const std::string& key) {
        backend::PodNews news;
        news.pod = *backend::read_pod(pods_.at(key));
        if (listener) listener(news);
    }
    void vanish(const std::string& key, bool certain = true) {
        backend::PodNews news;
        news.kind = backend::PodNews::Kind::absent;
        news.pod = *backend::read_pod(pods_.at(key));
        news.certain = certain;
        pods_.erase(key);
        if (listener) listener(news);
    }

    void give_output(const std::function<void(std::string_view)>& on_bytes) {
        std::lock_guard lock(mutex);
        requests.push_back("follow log");
        on_bytes(output);
    }

    std::recursive_mutex mutex;
    std::vector<std::string> requests;
    std::function<void(const backend::PodNews&)> listener;
    std::function<void(const std::string& key)> on_created;  ///< default: it runs at once
    std::optional<Error> create_error;
    std::map<std::string, std::map<std::string, std::string>> secrets;
    std::map<std::string, backend::WorkloadView> deployments;
    std::map<std::string, boost::json::object> applied;
    std::function<void(const std::string& key, int replicas)> on_scaled;
    bool list_lacks = false;  ///< reads find nothing
    std::string output;

 private:
    Task<void> answer(http::Exchange& exchange, std::string key, std::string uid) {
        const std::string path(exchange.request().path());
        const auto token = exchange.request().headers.find("Authorization");
        if (path == "/v1/build") {
            FakeRunner* agent = nullptr;
            {
                std::lock_guard lock(mutex);
                agent = &runners_[key];
            }
            co_return co_await answer_build(exchange, *agent, mutex);
        }
        http::ResponseHead head;
        std::string body;
        if (path == "/v1/load") {
            auto sent = co_await exchange.read_body_all(64u << 20);
            std::lock_guard lock(mutex);
            auto& runner = runners_[key];
            const auto end = sent->find('\n');
            auto line = boost::json::parse(sent->substr(0, end)).as_object();
            runner.archive_bytes.push_back(sent->size() - end - 1);
            const bool peer = line.at("archive") == "peer";
            runner.loads.push_back(line);
            head.status = peer && runner.peer_fails ? 502 : runner.load_status;
            body = peer && runner.peer_fails ? R"({"code":"peer_failed","detail":"no"})"
                                             : runner.load_body;
            if (head.status == 200) {
                runner.state = "loaded";
                runner.identity = std::string(line.at("identity").as_string());
                runner.digest = std::string(line.at("digest").as_string());
            }
        } else {
            std::lock_guard lock(mutex);
            auto& runner = runners_[key];
            head.status = token && *token == "Bearer " + token_of(key) ? 200 : 401;
            boost::json::object state;
            state["podUid"] = runner.answers_as.empty() ? uid : runner.answers_as;
            state["podName"] = key;
            state["version"] = "test";
            state["state"] = runner.state;
            state["environmentReady"] = true;
            state["identity"] = runner.identity;
            state["digest"] = runner.digest;
            if (runner.state == "loaded")
                state["function"] =
                    boost::json::object{{"namespace", "shop"}, {"name", "cart"}, {"uid", "fu"}};
            body = boost::json::serialize(state);
        }
        co_await exchange.respond(std::move(head), std::move(body));
    }
    std::string token_of(const std::string& key) {
        if (secrets.contains(key + "-token")) return secrets[key + "-token"]["token"];
        return secrets[key.substr(0, key.find('/')) + "/" + std::string(backend::kTokenSecret)]
                      ["token"];
    }

    std::map<std::string, boost::json::object> pods_;
    std::map<std::string, FakeRunner> runners_;
    int uids_ = 0, ips_ = 0;
    HttpFixture fixture_{1};
};

}  // namespace hearth::test
