#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "hearth/executor/executor.hpp"
#include "hearth/http/message.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::invoke {

/// One function's series.
struct CallSeries {
    std::string ns, name;
    std::array<telemetry::Counter*, 6> by_class{};  ///< index 1..5: 1xx..5xx
    telemetry::Histogram* seconds = nullptr;
    void observe(int status, std::chrono::nanoseconds took);
};

/// Buffers of one call that have grown already.
struct CallScratch {
    http::HeaderList headers;
    std::string text;
};
using CallScratchPtr = std::unique_ptr<CallScratch>;

/// What is known of a function's calls. Immutable but for the counts, which any thread may raise.
struct CallKnown {
    CallSeries* series = nullptr;
    std::string uid;
    std::int64_t revision = 0;
    http::HeaderList headers;  ///< of function_headers()
};

/// Looks up once per slot and shard what depends on the function alone, and lends buffers, so that
/// the hot path looks nothing up by name. Thread: any.
class CallCache {
 public:
    explicit CallCache(telemetry::Registry& registry) : registry_(registry) {}

    std::shared_ptr<const CallKnown> known(std::size_t shard, const executor::FunctionSlotPtr& slot,
                                           const model::Metadata& function);
    CallScratchPtr take_scratch(std::size_t shard);
    void give_back(std::size_t shard, CallScratchPtr scratch);

 private:
    static constexpr std::size_t kParts = 32, kSpare = 1024, kSlots = 4096;
    struct Part {
        std::mutex mutex;  // free but for shards that share a part
        std::unordered_map<const executor::FunctionSlot*, std::shared_ptr<const CallKnown>> by_slot;
        std::vector<CallScratchPtr> spare;
    };
    CallSeries& make(const model::Metadata& function);

    telemetry::Registry& registry_;
    std::array<Part, kParts> parts_;
    std::mutex mutex_;
    std::unordered_map<std::string, std::unique_ptr<CallSeries>> all_;
};

}  // namespace hearth::invoke
