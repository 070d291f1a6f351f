#include "invoke/call_series.hpp"

#include "invoke/call_headers.hpp"

namespace hearth::invoke {

void CallSeries::observe(int status, std::chrono::nanoseconds took) {
    const auto index = static_cast<std::size_t>(status / 100);
    by_class[index >= 1 && index <= 5 ? index : 5]->add();
    seconds->observe(std::chrono::duration<double>(took).count());
}

std::shared_ptr<const CallKnown> CallCache::known(std::size_t shard,
                                                  const executor::FunctionSlotPtr& slot,
                                                  const model::Metadata& function) {
    auto& part = parts_[shard % kParts];
    std::lock_guard lock(part.mutex);
    auto& known = part.by_slot[slot.get()];
    // The address of a slot that is gone may be another function's now.
    if (known && known->revision == function.revision && known->uid == function.uid) return known;
    auto made = std::make_shared<CallKnown>();
    made->series = &make(function);
    made->uid = function.uid;
    made->revision = function.revision;
    made->headers = function_headers(function);
    if (part.by_slot.size() > kSlots) {
        part.by_slot.clear();
        return part.by_slot[slot.get()] = std::move(made);
    }
    return known = std::move(made);
}

CallSeries& CallCache::make(const model::Metadata& function) {
    std::lock_guard lock(mutex_);
    auto& series = all_[model::qualified(function)];
    if (series) return *series;
    series = std::make_unique<CallSeries>();
    series->ns = function.ns;
    series->name = function.name;
    for (std::size_t i = 1; i < series->by_class.size(); ++i) {
        telemetry::Labels labels = {{"namespace", function.ns},
                                    {"function", function.name},
                                    {"code", std::to_string(i) + "xx"}};
        series->by_class[i] =
            &registry_.counter("hearth_function_requests_total",
                               "Calls of functions, by the class of their status.", labels);
    }
    telemetry::Labels labels = {{"namespace", function.ns}, {"function", function.name}};
    series->seconds = &registry_.histogram("hearth_function_duration_seconds",
                                           "Whole duration of calls of functions.", labels);
    return *series;
}

CallScratchPtr CallCache::take_scratch(std::size_t shard) {
    auto& part = parts_[shard % kParts];
    std::lock_guard lock(part.mutex);
    if (part.spare.empty()) return std::make_unique<CallScratch>();
    auto scratch = std::move(part.spare.back());
    part.spare.pop_back();
    return scratch;
}

void CallCache::give_back(std::size_t shard, CallScratchPtr scratch) {
    scratch->headers.clear();
    scratch->text.clear();
    auto& part = parts_[shard % kParts];
    std::lock_guard lock(part.mutex);
    if (part.spare.size() < kSpare) part.spare.push_back(std::move(scratch));
}

}  // namespace hearth::invoke
