#pragma once

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "hearth/aio/one_shot.hpp"
#include "hearth/artifact/archive_store.hpp"
#include "hearth/backend/builder.hpp"
#include "support/temp_dir.hpp"

namespace hearth::test {

/// Builds what the test says, when it says so. Thread: any.
class FakeBuilder final : public backend::Builder {
 public:
    using Outcome = Result<std::map<std::string, std::string>>;  ///< files of the result

    Result<void> check(const model::EnvironmentSpec&) const override { return {}; }

    Task<Result<backend::BuildOutput>> build(backend::BuildOrder order, backend::LineSink sink,
                                             Deadline deadline) override {
        auto executor = co_await aio::net::this_coro::executor;
        auto answer = std::make_shared<aio::OneShot<Outcome>>(executor);
        const std::string name = order.name;
        {
            std::lock_guard lock(mutex_);
            running_[name] = {order, sink, answer};
            ++begun_;
            changed_.notify_all();
        }
        std::stop_callback on_stop(order.stop, [answer] {
            answer->deliver(Error(Errc::cancelled, "the build was cancelled", {}, "build"));
        });
        auto outcome = co_await answer->wait(deadline);
        {
            std::lock_guard lock(mutex_);
            running_.erase(name);
            changed_.notify_all();
        }
        if (!outcome)
            co_return Error(Errc::deadline_exceeded, "it did not end in time", {}, "build");
        if (!*outcome) co_return outcome->error();
        backend::BuildOutput output;
        output.path = write(**outcome);
        output.packed = packs;
        if (packs) output.path = pack(**outcome);
        co_return output;
    }
    void forget(const std::string& uid) override {
        std::lock_guard lock(mutex_);
        forgotten_.push_back(uid);
        changed_.notify_all();
    }

    /// Waits until a build of that package runs.
    backend::BuildOrder wait_for(const std::string& name) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, kLimit, [&] { return running_.contains(name); }))
            throw std::runtime_error("no build of " + name + " began");
        return running_[name].order;
    }
    void print(const std::string& name, const std::string& line) {
        std::lock_guard lock(mutex_);
        running_.at(name).sink(line);
    }
    void finish(const std::string& name, Outcome outcome) {
        std::shared_ptr<aio::OneShot<Outcome>> answer;
        {
            std::lock_guard lock(mutex_);
            answer = running_.at(name).answer;
        }
        answer->deliver(std::move(outcome));
    }
    /// As a builder in a pod, which sends a tar of what it made.
    std::atomic<bool> packs{false};

    int begun() const {
        std::lock_guard lock(mutex_);
        return begun_;
    }
    std::size_t running() const {
        std::lock_guard lock(mutex_);
        return running_.size();
    }

 private:
    static constexpr auto kLimit = std::chrono::seconds(10);
    struct Running {
        backend::BuildOrder order;
        backend::LineSink sink;
        std::shared_ptr<aio::OneShot<Outcome>> answer;
    };

    std::filesystem::path write(const std::map<std::string, std::string>& files) {
        const auto folder = folder_.path() / std::to_string(begun());
        for (const auto& [name, text] : files) {
            std::filesystem::create_directories((folder / name).parent_path());
            std::ofstream(folder / name) << text;
        }
        return folder;
    }

    std::filesystem::path pack(const std::map<std::string, std::string>& files) {
        const auto tar = folder_.path() / "made.tar";
        std::ofstream(tar, std::ios::binary) << *artifact::tar_files(files);
        return tar;
    }

    TempDir folder_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, Running> running_;
    std::vector<std::string> forgotten_;
    int begun_ = 0;
};

}  // namespace hearth::test
