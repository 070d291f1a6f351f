#pragma once

#include <memory>
#include <string>

#include "hearth/catalog/call_queue.hpp"
#include "support/run_task.hpp"

namespace hearth::test {

/// A desk over a memory queue whose calls nobody makes. Thread: any.
class FakeDesk final : public catalog::CallDesk {
 public:
    Task<Result<catalog::AcceptedCall>> accept(catalog::NewCall call, std::int64_t) override {
        return queue->accept(std::move(call));
    }
    Task<Result<catalog::CallRecord>> await_end(std::string id, Deadline) override {
        return queue->find(std::move(id));
    }
    Task<Result<std::vector<catalog::CallRecord>>> list(catalog::CallQuery query) override {
        return queue->list(std::move(query));
    }
    Task<Result<void>> edit(std::string id, catalog::CallEdit edit) override {
        return queue->edit(std::move(id), std::move(edit));
    }
    Task<Result<void>> redrive(std::string id) override {
        auto call = co_await queue->redrive(std::move(id), 1, 1'000'000);
        if (!call) co_return call.error();
        co_return Result<void>();
    }
    Task<Result<std::size_t>> purge(catalog::CallQuery query) override {
        return queue->purge(std::move(query));
    }
    Task<Result<void>> cancel(std::string id) override {
        auto record = co_await queue->find(std::move(id));
        if (!record) co_return record.error();
        catalog::CallSettlement settlement;
        settlement.seq = record->call.seq;
        settlement.state = catalog::CallState::failed;
        settlement.due = 5;
        settlement.reason = "cancelled";
        auto settled = co_await queue->settle(std::move(settlement));
        if (!settled) co_return settled.error();
        co_return Result<void>();
    }

    /// A call of ns/f that has failed with status 500, or waits.
    std::string add(const std::string& ns, bool failed = true) {
        catalog::NewCall call;
        call.request.ns = ns;
        call.request.function = "f";
        call.request.headers = {{"Content-Type", "text/plain"}};
        call.request.body = "hi";
        call.created = call.due = 1'000;
        const auto made = run_task(queue->accept(call)).value().call;
        if (!failed) return made.id;
        static_cast<void>(run_task(queue->begin(made.seq, 1, 2'000)).value());
        catalog::CallSettlement settlement;
        settlement.seq = made.seq;
        settlement.attempt.number = 1;
        settlement.attempt.started = 2'000;
        settlement.attempt.ended = 3'000;
        settlement.attempt.status = 500;
        settlement.state = catalog::CallState::failed;
        settlement.due = 3'000;
        settlement.reason = "retriesExhausted";
        settlement.result.status = 500;
        settlement.result.body = "\xff";
        static_cast<void>(run_task(queue->settle(settlement)).value());
        return made.id;
    }

    std::unique_ptr<catalog::CallQueue> queue = catalog::make_memory_call_queue();
};

}  // namespace hearth::test
