#pragma once

#include <boost/smart_ptr/local_shared_ptr.hpp>
#include <boost/smart_ptr/make_local_shared.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gateway/route_directory.hpp"
#include "hearth/executor/executor.hpp"
#include "hearth/http/message.hpp"
#include "hearth/invoke/invoker.hpp"

namespace hearth::gateway {

/// Buffers of one request that keep their memory for the next one.
struct Scratch {
    http::HeaderList request_headers;
    http::HeaderList response_headers;
    std::string text;
};

/// Counted without atomics: all its holders are requests of one shard.
using SnapshotPtr = boost::local_shared_ptr<const RouteDirectory::Snapshot>;

/// What one shard keeps between requests, so that the hot path takes no lock. Thread: its shard.
class ShardState {
 public:
    /// The present table. Requests hold on to the one they began with.
    SnapshotPtr present(const RouteDirectory& directory) {
        if (!snapshot_ || snapshot_->generation != directory.generation()) {
            snapshot_ =
                boost::make_local_shared<const RouteDirectory::Snapshot>(directory.snapshot());
            for (auto& known : slots_) known = {};
        }
        return snapshot_;
    }

    /// The function behind a route; null when there is none.
    executor::FunctionSlotPtr function(const Route& route, executor::Executor& executor) {
        auto& known = slots_[route.id % slots_.size()];
        if (known.route != route.id || !known.slot) {
            known.slot = executor.find(route.ns(), route.function);
            known.route = route.id;
        }
        return known.slot;
    }
    /// Looks the function up anew next time: a call through its slot went wrong.
    void forget(const Route& route) { slots_[route.id % slots_.size()] = {}; }

    invoke::RequestIds request_ids;

    std::unique_ptr<Scratch> take_scratch() {
        if (spare_.empty()) return std::make_unique<Scratch>();
        auto scratch = std::move(spare_.back());
        spare_.pop_back();
        return scratch;
    }
    void give_back(std::unique_ptr<Scratch> scratch) {
        if (spare_.size() >= kSpare) return;
        scratch->request_headers.clear();
        scratch->response_headers.clear();
        spare_.push_back(std::move(scratch));
    }

 private:
    static constexpr std::size_t kSpare = 1024;
    struct KnownSlot {
        std::uint64_t route = 0;
        executor::FunctionSlotPtr slot;
    };
    SnapshotPtr snapshot_;
    std::array<KnownSlot, 256> slots_;
    std::vector<std::unique_ptr<Scratch>> spare_;
};

}  // namespace hearth::gateway
