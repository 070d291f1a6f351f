#pragma once

#include <memory>
#include <string>

#include "hearth/catalog/run_desk.hpp"
#include "support/run_task.hpp"

namespace hearth::test {

/// A desk over a memory journal whose runs nobody carries on: they fail or are called back by the
/// test. Thread: any.
class FakeRunDesk final : public catalog::RunDesk {
 public:
    Task<Result<catalog::AcceptedRun>> start_run(catalog::RunStart start) override {
        if (start.workflow == "gone") co_return Error(Errc::not_found, "there is no Workflow");
        catalog::NewRun run;
        run.row.ns = start.ns;
        run.row.workflow = start.workflow;
        run.row.origin = start.origin;
        run.row.idempotency_key = start.idempotency_key;
        run.row.created = 2'000;
        run.events.emplace_back("", start.input);
        auto accepted = co_await journal->create(std::move(run));
        if (accepted && ends) {
            auto settled = co_await settle(accepted->row.id, *ends);
            if (settled.has_error()) co_return settled.error();
        }
        co_return accepted;
    }
    Task<Result<catalog::RunRow>> await_end(std::string id, Deadline) override {
        return journal->find(std::move(id));
    }
    Task<Result<catalog::RunDetail>> describe(std::string id, bool io) override {
        auto log = co_await journal->read(std::move(id));
        if (!log) co_return log.error();
        catalog::RunDetail detail;
        detail.row = log->row;
        detail.input = log->events.front().body;
        if (detail.row.phase == catalog::RunPhase::succeeded) detail.output = output;
        auto& step = detail.steps.emplace_back();
        step.number = 1;
        step.state = "ask";
        step.type = "Task";
        step.status = "Waiting";
        step.entered = 2'000;
        step.token = "token";
        if (io) step.input = "[1]";
        auto& attempt = step.attempts.emplace_back();
        attempt.started = 2'000;
        attempt.ended = 3'000;
        attempt.error_type = "Odd";
        co_return detail;
    }
    Task<Result<std::vector<catalog::RunRow>>> list(catalog::RunQuery query) override {
        return journal->list(std::move(query));
    }
    Task<Result<void>> cancel(std::string id) override {
        return move(std::move(id), catalog::RunPhase::running, catalog::RunPhase::cancelled);
    }
    Task<Result<void>> redrive(std::string id) override {
        return move(std::move(id), catalog::RunPhase::cancelled, catalog::RunPhase::running);
    }
    Task<Result<void>> call_back(std::string id, std::string token,
                                 catalog::RunCallback callback) override {
        if (token != "token") co_return Error(Errc::not_found, "no step waits for this token");
        called_back = std::move(callback);
        co_return co_await settle(std::move(id), catalog::RunPhase::succeeded);
    }
    Task<Result<void>> remove(std::string id) override { return journal->remove(std::move(id)); }

    std::string add(const std::string& ns, const std::string& workflow) {
        catalog::RunStart start;
        start.ns = ns;
        start.workflow = workflow;
        start.input = "{\"a\":1}";
        return run_task(start_run(start)).value().row.id;
    }

    std::unique_ptr<catalog::RunJournal> journal = catalog::make_memory_run_journal();
    std::optional<catalog::RunPhase> ends;  ///< what becomes of a new run at once
    std::string output = "\"done\"";
    catalog::RunCallback called_back;

 private:
    Task<Result<void>> settle(std::string id, catalog::RunPhase phase) {
        auto row = co_await journal->find(std::move(id));
        if (!row) co_return row.error();
        catalog::RunAppend append;
        append.seq = row->seq;
        append.phase = phase;
        append.ended = phase == catalog::RunPhase::running ? 0 : 9'000;
        if (phase == catalog::RunPhase::failed) append.error_type = "Odd";
        co_return co_await journal->append(std::move(append));
    }
    Task<Result<void>> move(std::string id, catalog::RunPhase from, catalog::RunPhase to) {
        auto row = co_await journal->find(id);
        if (!row) co_return row.error();
        if (row->phase != from) co_return Error(Errc::conflict, "it is in another phase");
        co_return co_await settle(std::move(id), to);
    }
};

}  // namespace hearth::test
