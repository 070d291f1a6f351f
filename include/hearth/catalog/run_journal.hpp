#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/aio/task.hpp"
#include "hearth/base/result.hpp"
#include "hearth/catalog/call_queue.hpp"

namespace hearth::catalog {

enum class RunPhase { running, succeeded, failed, cancelled, timed_out };
/// "Running", "Succeeded", "Failed", "Cancelled", "TimedOut": also what databases hold.
std::string_view run_phase_text(RunPhase phase);
std::optional<RunPhase> run_phase_of(std::string_view text);

/// One thing that happened to a run: a small JSON object, and a JSON value that may be long.
struct RunEvent {
    std::string head, body;
    RunEvent() = default;        // constructors, so that g++ 12.2 handles it in coroutines
    RunEvent(std::string h, std::string b) : head(std::move(h)), body(std::move(b)) {}
    bool operator==(const RunEvent&) const = default;
};

/// A long JSON value that stands beside the events, named by its SHA-256.
struct RunValue {
    std::string digest, text;
    RunValue() = default;
    RunValue(std::string d, std::string t) : digest(std::move(d)), text(std::move(t)) {}
    bool operator==(const RunValue&) const = default;
};

/// What lists show of a run.
struct RunRow {
    std::int64_t seq = 0;        ///< in order of acceptance
    std::string id;              ///< "SEQ-SECRET"
    std::string ns, workflow;
    std::int64_t generation = 0; ///< of the workflow when the run began
    std::string origin;          ///< "API", "HTTPTrigger/default/orders", "WorkflowRun/ID"
    std::string idempotency_key; ///< per workflow; empty: none
    std::string parent;          ///< id of the run of which it is a step; empty
    int depth = 0;               ///< workflows above it
    RunPhase phase = RunPhase::running;
    UnixMs created = 0, ended = 0;
    std::string error_type, cause;
    RunRow() = default;
    bool operator==(const RunRow&) const = default;
};

struct NewRun {
    RunRow row;                  ///< seq, id and phase are given by the journal
    std::vector<RunEvent> events;
    std::vector<RunValue> values;
    NewRun() = default;
};

struct AcceptedRun {
    RunRow row;
    bool existing = false;       ///< the idempotency key was known: this is the run it stands for
    AcceptedRun() = default;
};

struct RunAppend {
    std::int64_t seq = 0;
    std::int64_t first = 0;      ///< number of the first of `events`; the first event of a run is 0
    std::vector<RunEvent> events;
    std::vector<RunValue> values;
    RunPhase phase = RunPhase::running;   ///< from now on
    UnixMs ended = 0;
    std::string error_type, cause;
    RunAppend() = default;
};

struct RunLog {
    RunRow row;
    std::vector<RunEvent> events;
    RunLog() = default;
};

struct RunQuery {
    std::string ns, workflow;    ///< empty: all
    std::optional<RunPhase> phase;
    std::int64_t before = 0;     ///< newest first: those with a smaller seq; 0: from the newest
    std::size_t limit = 100;
    RunQuery() = default;
};

/// Which finished runs go: those that ended before `before`, and the oldest past `most`.
struct RunRetention {
    std::string ns, workflow;    ///< empty: of all workflows
    UnixMs before = 0;
    std::size_t most = 0;
    RunRetention() = default;
};

/// What happened to runs of workflows, in order. What a method reports as done is durable.
/// Implementations: make_memory_run_journal (tests), store::open_sqlite_run_journal. One contract suite runs on both.
/// Errors of all: io, no_space, exhausted (too many writes wait), unavailable (stopping), internal.
/// Thread: any shard; value() blocks.
class RunJournal {
  public:
    virtual ~RunJournal() = default;
    virtual Task<Result<AcceptedRun>> create(NewRun run) = 0;
    /// Errors: not_found, conflict (an event of that number is there already).
    virtual Task<Result<void>> append(RunAppend append) = 0;
    /// Runs in phase running, in order of acceptance.
    virtual Task<Result<std::vector<RunRow>>> unfinished() = 0;
    /// Errors of both: not_found.
    virtual Task<Result<RunRow>> find(std::string id) = 0;
    virtual Task<Result<RunLog>> read(std::string id) = 0;
    /// Errors: not_found. Blocks: call on the blocking pool.
    virtual Result<std::string> value(std::int64_t seq, const std::string& digest) = 0;
    virtual Task<Result<std::vector<RunRow>>> list(RunQuery query) = 0;
    /// Errors: not_found, conflict (it has not ended).
    virtual Task<Result<void>> remove(std::string id) = 0;
    /// Gives how many were removed.
    virtual Task<Result<std::size_t>> trim(RunRetention retention) = 0;
};

/// The double for tests of other modules.
std::unique_ptr<RunJournal> make_memory_run_journal();

}  // namespace hearth::catalog
