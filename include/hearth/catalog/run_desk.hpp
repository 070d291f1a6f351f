#pragma once

#include <string>
#include <vector>

#include "hearth/aio/deadline.hpp"
#include "hearth/catalog/run_journal.hpp"

namespace hearth::catalog {

/// One attempt at a step, as histories show it.
struct RunAttempt {
    int number = 1;
    UnixMs started = 0, ended = 0;   ///< ended 0: under way
    std::string error_type, cause;
    RunAttempt() = default;
};

/// One step of a run: a state that was entered.
struct RunStep {
    std::int64_t number = 0;     ///< in order of entering
    std::string state, type;     ///< name and "Task", "Map"…
    std::string branch;          ///< "": of the workflow itself; else as "3[12]": step 3, its twelfth branch or item
    std::string status;          ///< Running, Waiting, Succeeded, Failed, Caught, Dropped
    UnixMs entered = 0, left = 0;
    std::string error_type, cause;
    std::string input, output;   ///< JSON; empty when not asked for
    std::string child;           ///< workflow that is the step
    std::string token;           ///< that ends the step, while it is waited for
    std::vector<RunAttempt> attempts;
    RunStep() = default;
};

struct RunDetail {
    RunRow row;
    std::string input, output;   ///< JSON; output empty unless it succeeded
    std::vector<RunStep> steps;
    std::string spec;            ///< of the workflow when the run began, as JSON
    RunDetail() = default;
};

struct RunStart {
    std::string ns, workflow;
    std::string input;           ///< JSON; empty: null
    std::string origin, idempotency_key;
    RunStart() = default;
};

/// A body as the input of a run: JSON as it is, nothing as null, anything else as a text.
std::string run_input(std::string body);

/// How a step that waits for its token ends.
struct RunCallback {
    std::string output;          ///< JSON
    std::string error_type, cause;   ///< error_type set: it failed
    RunCallback() = default;
};

/// Runs as listeners and triggers see them. Thread: any shard.
class RunDesk {
  public:
    virtual ~RunDesk() = default;
    /// Returns once the run is durable. Errors: not_found (no such workflow), exhausted (too many run), too_large,
    /// invalid_argument (the input is no JSON), and those of the journal.
    virtual Task<Result<AcceptedRun>> start_run(RunStart start) = 0;
    /// The run when it has ended, or as it is at the deadline. Errors: not_found.
    virtual Task<Result<RunRow>> await_end(std::string id, Deadline deadline) = 0;
    /// With the steps; `io`: and with their inputs and outputs. Errors: not_found.
    virtual Task<Result<RunDetail>> describe(std::string id, bool io) = 0;
    virtual Task<Result<std::vector<RunRow>>> list(RunQuery query) = 0;
    /// Calls that run are not interrupted; their answers are dropped. Errors: not_found, conflict (it has ended).
    virtual Task<Result<void>> cancel(std::string id) = 0;
    /// Goes on where it failed, was cancelled or ran out of time. Errors: not_found, conflict (it runs, or succeeded).
    virtual Task<Result<void>> redrive(std::string id) = 0;
    /// Errors: not_found (no step of the run waits for the token), too_large, invalid_argument.
    virtual Task<Result<void>> call_back(std::string id, std::string token, RunCallback callback) = 0;
    /// Errors: not_found, conflict (it has not ended).
    virtual Task<Result<void>> remove(std::string id) = 0;
};

}  // namespace hearth::catalog
