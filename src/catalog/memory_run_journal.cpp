#include <map>
#include <mutex>

#include "hearth/catalog/run_journal.hpp"

namespace hearth::catalog {
namespace {

Error no_run(std::string_view id) {
    return Error(Errc::not_found, "there is no run \"" + std::string(id) + "\"");
}

class MemoryRunJournal final : public RunJournal {
 public:
    Task<Result<AcceptedRun>> create(NewRun run) override {
        std::lock_guard lock(mutex_);
        AcceptedRun accepted;
        const auto& key = run.row.idempotency_key;
        for (const auto& [seq, known] : runs_) {
            const auto& row = known.log.row;
            if (key.empty() || row.idempotency_key != key || row.ns != run.row.ns ||
                row.workflow != run.row.workflow)
                continue;
            accepted.row = row;
            accepted.existing = true;
            co_return accepted;
        }
        run.row.seq = ++last_;
        run.row.id = new_call_id(run.row.seq);
        run.row.phase = RunPhase::running;
        auto& made = runs_[run.row.seq];
        made.log.row = std::move(run.row);
        made.log.events = std::move(run.events);
        keep(made, std::move(run.values));
        accepted.row = made.log.row;
        co_return accepted;
    }

    Task<Result<void>> append(RunAppend append) override {
        std::lock_guard lock(mutex_);
        const auto found = runs_.find(append.seq);
        if (found == runs_.end()) co_return no_run(std::to_string(append.seq));
        auto& run = found->second;
        if (!append.events.empty() &&
            append.first != static_cast<std::int64_t>(run.log.events.size()))
            co_return Error(Errc::conflict, "the run has an event of that number already");
        for (auto& event : append.events) run.log.events.push_back(std::move(event));
        keep(run, std::move(append.values));
        auto& row = run.log.row;
        row.phase = append.phase;
        row.ended = append.ended;
        row.error_type = std::move(append.error_type);
        row.cause = std::move(append.cause);
        co_return Result<void>();
    }

    Task<Result<std::vector<RunRow>>> unfinished() override {
        std::lock_guard lock(mutex_);
        std::vector<RunRow> rows;
        for (const auto& [seq, run] : runs_)
            if (run.log.row.phase == RunPhase::running) rows.push_back(run.log.row);
        co_return rows;
    }

    Task<Result<RunRow>> find(std::string id) override {
        std::lock_guard lock(mutex_);
        const auto* run = locate(id);
        if (!run) co_return no_run(id);
        co_return run->log.row;
    }

    Task<Result<RunLog>> read(std::string id) override {
        std::lock_guard lock(mutex_);
        const auto* run = locate(id);
        if (!run) co_return no_run(id);
        co_return run->log;
    }

    Result<std::string> value(std::int64_t seq, const std::string& digest) override {
        std::lock_guard lock(mutex_);
        const auto run = runs_.find(seq);
        if (run == runs_.end()) return no_run(std::to_string(seq));
        const auto found = run->second.values.find(digest);
        if (found == run->second.values.end())
            return Error(Errc::not_found, "the run has no value " + digest);
        return found->second;
    }

    Task<Result<std::vector<RunRow>>> list(RunQuery query) override {
        std::lock_guard lock(mutex_);
        std::vector<RunRow> page;
        for (auto at = runs_.rbegin(); at != runs_.rend() && page.size() < query.limit; ++at) {
            const auto& row = at->second.log.row;
            if ((query.ns.empty() || row.ns == query.ns) &&
                (query.workflow.empty() || row.workflow == query.workflow) &&
                (!query.phase || row.phase == *query.phase) &&
                (query.before == 0 || row.seq < query.before))
                page.push_back(row);
        }
        co_return page;
    }

    Task<Result<void>> remove(std::string id) override {
        std::lock_guard lock(mutex_);
        const auto* run = locate(id);
        if (!run) co_return no_run(id);
        if (run->log.row.phase == RunPhase::running)
            co_return Error(Errc::conflict, "run " + id + " has not ended; cancel it first");
        runs_.erase(run->log.row.seq);
        co_return Result<void>();
    }

    Task<Result<std::size_t>> trim(RunRetention keep) override {
        std::lock_guard lock(mutex_);
        std::size_t left = 0, removed = 0;
        std::vector<std::int64_t> gone;
        for (auto at = runs_.rbegin(); at != runs_.rend(); ++at) {
            const auto& row = at->second.log.row;
            const bool meant = row.phase != RunPhase::running &&
                               (keep.ns.empty() || row.ns == keep.ns) &&
                               (keep.workflow.empty() || row.workflow == keep.workflow);
            if (!meant) continue;
            if (row.ended < keep.before || ++left > keep.most) gone.push_back(row.seq);
        }
        for (const auto seq : gone) removed += runs_.erase(seq);
        co_return removed;
    }

 private:
    struct Run {
        RunLog log;
        std::map<std::string, std::string> values;
    };

    static void keep(Run& run, std::vector<RunValue> values) {
        for (auto& value : values) run.values[value.digest] = std::move(value.text);
    }

    const Run* locate(const std::string& id) const {
        const auto seq = call_seq_of(id);
        if (!seq) return nullptr;
        const auto found = runs_.find(*seq);
        return found != runs_.end() && found->second.log.row.id == id ? &found->second : nullptr;
    }

    std::mutex mutex_;
    std::map<std::int64_t, Run> runs_;
    std::int64_t last_ = 0;
};

}  // namespace

std::unique_ptr<RunJournal> make_memory_run_journal() {
    return std::make_unique<MemoryRunJournal>();
}

}  // namespace hearth::catalog
