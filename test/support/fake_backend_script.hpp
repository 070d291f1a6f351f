#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hearth/backend/backend.hpp"
#include "support/hanging_calls.hpp"

namespace hearth::test {

/// What a FakeBackend is to do, and what it was asked: the test's side of it. Thread: any.
class FakeBackendScript {
 protected:
    template <class F>
    void with_lock(F f) const {
        std::lock_guard lock(mutex_);
        f();
    }
    template <class F>
    auto read(F f) const {
        std::lock_guard lock(mutex_);
        return f();
    }

 public:
    enum class Behaviour {
        ready,        ///< at once
        hang,         ///< until the deadline, or until `let_go`
        crash,        ///< the instance dies meanwhile
        load_fails,   ///< function_failed with a trace (load); unavailable with output (start)
        unsupported,  ///< start: the image is not known here
    };

    void set_start(Behaviour behaviour) {
        with_lock([&] { start_ = behaviour; });
    }
    void set_load(const std::string& function, Behaviour behaviour) {
        with_lock([&] { loads_[function] = behaviour; });
    }
    void set_env_at_load(bool on) {
        with_lock([&] { env_at_load_ = on; });
    }
    /// Like a cluster: instances outlive the daemon, newdeploy and container functions get
    /// replicas of their own, and what was there is told of by find() before set_discovered().
    void make_cluster() {
        with_lock([&] {
            cluster_ = true;
            discovered_ = false;
        });
    }
    /// discovered() fails, as does whatever asks the cluster.
    void set_unreachable(bool on) {
        with_lock([&] {
            unreachable_ = on;
            start_ = on ? Behaviour::load_fails : Behaviour::ready;
        });
    }
    void set_discovered() {
        with_lock([&] { discovered_ = true; });
    }
    /// An instance that nobody started; returns its id.
    std::uint64_t find(backend::FoundInstance found) {
        with_lock([&] {
            if (found.instance.id == 0) found.instance.id = ++next_id_;
            if (found.instance.name.empty())
                found.instance.name = "found-" + std::to_string(found.instance.id);
            alive_.emplace(found.instance.id, found.environment);
        });
        if (found_listener_) found_listener_(found);
        return found.instance.id;
    }
    /// Runtimes whose settings were told anew.
    auto updates() const {
        return read([&] { return updates_; });
    }
    auto retired() const {
        return read([&] { return retired_; });
    }
    /// Where an instance of this function answers once it is loaded; asked at start for generic
    /// ones with "".
    void set_endpoint(std::function<http::Endpoint(std::uint64_t)> endpoint) {
        endpoint_ = std::move(endpoint);
    }
    /// Host of requests to each instance.
    void set_host(std::string host) {
        with_lock([&] { host_ = std::move(host); });
    }
    /// Called for each load that succeeds.
    void set_on_load(std::function<void(std::uint64_t, const backend::LoadRequest&)> f) {
        on_load_ = std::move(f);
    }

    /// Ends what hangs; it succeeds.
    void let_go() {
        with_lock([&] {
            start_ = Behaviour::ready;
            loads_.clear();
        });
        hanging_.let_go();
    }
    /// The instance ends by itself.
    void kill(std::uint64_t id,
              backend::InstanceExit::Cause cause = backend::InstanceExit::Cause::signalled,
              int code = 9) {
        bool known = false;
        with_lock([&] { known = alive_.erase(id) != 0; });
        if (!known) return;
        backend::InstanceExit exit;
        exit.id = id;
        exit.cause = cause;
        exit.code = code;
        if (listener_) listener_(exit);
    }

    std::size_t starts() const {
        return read([&] { return starts_; });
    }
    std::size_t loads() const {
        return read([&] { return requests_.size(); });
    }
    std::size_t stops() const {
        return read([&] { return stops_; });
    }
    std::size_t hanging() const {
        return read([&] { return hanging_.size(); });
    }
    std::vector<std::uint64_t> alive() const {
        return read([&] {
            std::vector<std::uint64_t> ids;
            for (const auto& [id, runtime] : alive_) ids.push_back(id);
            return ids;
        });
    }
    auto load_requests() const {
        return read([&] { return requests_; });
    }
    auto runtimes() const {
        return read([&] { return runtimes_; });
    }
    auto attributions() const {
        return read([&] { return attributions_; });
    }

 protected:
    mutable std::mutex mutex_;
    Behaviour start_ = Behaviour::ready;
    std::map<std::string, Behaviour> loads_;
    bool env_at_load_ = true;
    std::string host_;
    std::function<http::Endpoint(std::uint64_t)> endpoint_;
    std::function<void(std::uint64_t, const backend::LoadRequest&)> on_load_;
    std::function<void(const backend::InstanceExit&)> listener_;
    std::function<void(const backend::FoundInstance&)> found_listener_;
    bool cluster_ = false, discovered_ = true, unreachable_ = false;
    std::vector<std::string> retired_;
    HangingCalls hanging_;
    std::map<std::uint64_t, std::string> alive_;
    std::vector<backend::LoadRequest> requests_;
    std::vector<backend::Runtime> runtimes_, updates_;
    std::vector<std::string> attributions_;
    std::uint64_t next_id_ = 0;
    std::size_t starts_ = 0, stops_ = 0;
};

}  // namespace hearth::test
