#pragma once

#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "hearth/kube/client.hpp"
#include "hearth/kube/informer.hpp"

namespace hearth::test {

/// Event loops, a blocking pool and a client for whatever API server is given. Ended in the right
/// order.
class KubeFixture {
 public:
    explicit KubeFixture(std::size_t shard_count = 1)
        : log(telemetry::Level::error, telemetry::Logger::Format::text),
          shards(shard_count),
          pool(2, 100) {}
    ~KubeFixture() { stop(); }

    kube::Client& connect(kube::Access access, kube::ClientOptions options = {}) {
        auto made =
            kube::Client::make(std::move(access), std::move(options), shards, pool, log, metrics);
        if (!made) throw std::runtime_error(made.error().message);
        clients_.push_back(std::move(*made));
        return *clients_.back();
    }
    void stop() {
        for (auto& client : clients_) client->stop();
        clients_.clear();
    }

    /// Runs a task on a shard and gives its value.
    template <class T>
    T run(Task<T> task, std::size_t shard = 0,
          std::chrono::milliseconds limit = std::chrono::seconds(60)) {
        auto promise = std::make_shared<std::promise<T>>();
        auto value = promise->get_future();
        auto done = [promise](std::exception_ptr thrown, T got) {
            if (thrown)
                promise->set_exception(thrown);
            else
                promise->set_value(std::move(got));
        };
        aio::net::co_spawn(shards.at(shard).executor(), std::move(task), std::move(done));
        if (value.wait_for(limit) != std::future_status::ready)
            throw std::runtime_error("the task did not end in time");
        return value.get();
    }

    telemetry::Logger log;
    telemetry::Registry metrics;
    aio::Shards shards;
    aio::BlockingPool pool;

 private:
    std::vector<std::unique_ptr<kube::Client>> clients_;
};

inline Deadline soon(int seconds = 20) {
    return Deadline::after(std::chrono::seconds(seconds));
}

/// What an informer told, as words: "added ns/name@version", "deleted? ns/name@version" when the
/// server did not say so itself.
class KubeNotices {
 public:
    std::function<void(const kube::Notice&)> handler() {
        return [this](const kube::Notice& notice) { add(notice); };
    }
    std::vector<std::string> all() const {
        std::lock_guard lock(mutex_);
        return words_;
    }
    /// Blocks until `word` has been told; false after the limit.
    bool wait_for(const std::string& word,
                  std::chrono::milliseconds limit = std::chrono::seconds(20)) const {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [&] {
            return std::find(words_.begin(), words_.end(), word) != words_.end();
        });
    }
    bool wait_for_count(std::size_t count) const {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(20),
                                 [&] { return words_.size() >= count; });
    }
    static std::string word_of(const kube::Notice& notice) {
        if (notice.kind == kube::Notice::Kind::synced) return "synced";
        const char* what = notice.kind == kube::Notice::Kind::added      ? "added "
                           : notice.kind == kube::Notice::Kind::modified ? "modified "
                           : notice.certain                              ? "deleted "
                                                                         : "deleted? ";
        return what + kube::object_key(*notice.object) + "@" +
               kube::metadata_text(*notice.object, "resourceVersion");
    }

 private:
    void add(const kube::Notice& notice) {
        std::lock_guard lock(mutex_);
        words_.push_back(word_of(notice));
        changed_.notify_all();
    }

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::vector<std::string> words_;
};

}  // namespace hearth::test
