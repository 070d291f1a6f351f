#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/base/result.hpp"

namespace hearth::catalog {

/// Milliseconds since 1970, UTC.
using UnixMs = std::int64_t;

enum class CallState {
    waiting,    ///< for its time, or for a free place
    running,    ///< an attempt is under way
    succeeded,
    failed,     ///< a dead letter: kept until it is redriven, purged or too old
};
/// "waiting", "running", "succeeded", "failed": also what databases hold.
std::string_view call_state_text(CallState state);
std::optional<CallState> call_state_of(std::string_view text);

using CallHeaders = std::vector<std::pair<std::string, std::string>>;

/// What is to be called: a function or, for destinations, an address.
struct CallRequest {
    std::string ns, function;
    std::string url;             ///< instead of `function`
    std::string method = "POST", target = "/";
    CallHeaders headers;
    std::string body;
    CallRequest() = default;     // a constructor, so that g++ 12.2 handles it in coroutines
    bool operator==(const CallRequest&) const = default;
};

struct NewCall {
    CallRequest request;
    std::string origin;          ///< where it comes from, e.g. "HTTPTrigger/default/orders"
    std::string idempotency_key; ///< per function; empty: none
    int depth = 0;               ///< destinations it has come through
    UnixMs created = 0, due = 0;
    UnixMs expires = 0;          ///< not begun any more after it
    NewCall() = default;
};

/// What the scheduler must know of a call that is waiting.
struct PendingCall {
    std::int64_t seq = 0;        ///< in order of acceptance
    std::string id;
    std::string lane;            ///< "ns/function", or the address of a destination
    UnixMs due = 0, expires = 0;
    int attempts = 0;            ///< in all
    int budget_from = 0;         ///< attempts that do not count any more, of before the last redrive
    PendingCall() = default;
    bool operator==(const PendingCall&) const = default;
};

struct AcceptedCall {
    PendingCall call;
    bool existing = false;       ///< the idempotency key was known: this is the call it stands for
    CallState state = CallState::waiting;
    AcceptedCall() = default;
};

struct CallAttempt {
    int number = 1;
    UnixMs started = 0, ended = 0;   ///< ended 0: under way
    int status = 0;              ///< 0: no answer
    std::string error;           ///< why there was none; empty
    std::string component;       ///< at fault
    CallAttempt() = default;
    bool operator==(const CallAttempt&) const = default;
};

/// The last answer of the function.
struct CallResult {
    int status = 0;              ///< 0: there is none
    CallHeaders headers;
    std::string body;
    bool truncated = false;
    CallResult() = default;
    bool operator==(const CallResult&) const = default;
};

struct CallRecord {
    PendingCall call;
    CallRequest request;
    std::string origin, idempotency_key;
    int depth = 0;
    CallState state = CallState::waiting;
    UnixMs created = 0, ended = 0;
    std::string reason;          ///< failed: retriesExhausted, maxAgeExceeded, refused, functionDeleted, cancelled
    std::string message;         ///< a sentence that belongs to it
    std::vector<CallAttempt> attempts;
    CallResult result;
    CallRecord() = default;
};

/// How an attempt ended and what becomes of the call.
struct CallSettlement {
    std::int64_t seq = 0;
    CallAttempt attempt;         ///< number 0: none was made (too old, cancelled)
    CallState state = CallState::waiting;   ///< waiting: again at `due`
    UnixMs due = 0;              ///< waiting: when it runs again; else when it ended
    std::string reason, message;
    CallResult result;
    std::vector<NewCall> follow_ups;   ///< destinations: accepted in the same transaction
    CallSettlement() = default;
};

struct CallQuery {
    std::string ns, function;    ///< empty: all
    std::string id;              ///< empty: all
    std::optional<CallState> state;
    std::int64_t before = 0;     ///< newest first: those with a smaller seq; 0: from the newest
    std::size_t limit = 100;
    CallQuery() = default;
};

/// What of a dead letter's request is changed before it is redriven.
struct CallEdit {
    std::optional<std::string> body, method, target;
    std::optional<CallHeaders> headers;
    CallEdit() = default;
};

struct CallRetention {
    UnixMs succeeded_before = 0, failed_before = 0;   ///< ended earlier: removed
    std::size_t most_succeeded = 0, most_failed = 0;  ///< the oldest past this many are removed
};

/// Calls that are kept until they have been made. What a method reports as done is durable.
/// Implementations: make_memory_call_queue (tests), store::open_sqlite_call_queue. One contract suite runs on both.
/// Errors of all: io, no_space, exhausted (too many writes wait), unavailable (stopping), internal.
/// Thread: any shard.
class CallQueue {
  public:
    virtual ~CallQueue() = default;
    virtual Task<Result<AcceptedCall>> accept(NewCall call) = 0;
    /// Records that an attempt begins. False: the call is not waiting any more, and must not be made.
    virtual Task<Result<bool>> begin(std::int64_t seq, int number, UnixMs now) = 0;
    /// Ends an attempt. Gives the follow-ups that were accepted. A call that is gone is no error.
    virtual Task<Result<std::vector<PendingCall>>> settle(CallSettlement settlement) = 0;
    /// All that wait, in order of acceptance. Call once at start: attempts that were under way when the daemon ended are
    /// ended as interrupted, and their calls wait again.
    virtual Task<Result<std::vector<PendingCall>>> recover(UnixMs now) = 0;
    /// Errors: not_found.
    virtual Task<Result<CallRecord>> find(std::string id) = 0;
    /// Without bodies and results.
    virtual Task<Result<std::vector<CallRecord>>> list(CallQuery query) = 0;
    /// Changes the request of a dead letter. Errors: not_found, conflict (it is not one).
    virtual Task<Result<void>> edit(std::string id, CallEdit edit) = 0;
    /// A dead letter waits again, with a new budget of attempts. Errors as edit().
    virtual Task<Result<PendingCall>> redrive(std::string id, UnixMs now, UnixMs expires) = 0;
    /// Removes calls that have ended. Gives how many.
    virtual Task<Result<std::size_t>> purge(CallQuery query) = 0;
    virtual Task<Result<std::size_t>> trim(CallRetention retention) = 0;
};

/// The double for tests of other modules.
std::unique_ptr<CallQueue> make_memory_call_queue();

/// The parts of an id, "SEQ-SECRET": whoever knows one may fetch the result. Errors: not_found.
Result<std::int64_t> call_seq_of(std::string_view id);
std::string new_call_id(std::int64_t seq);
/// Whether bytes can stand in JSON as they are: UTF-8.
bool is_text(std::string_view bytes);
std::string lane_of(const CallRequest& request);

/// Queued calls as listeners see them. Thread: any shard.
class CallDesk {
  public:
    virtual ~CallDesk() = default;
    /// Returns once the call is durable; it then runs. `created`, `due` (a delay when less than a year) and `expires` are
    /// set here. Errors: not_found (no such function), exhausted (too many wait), too_large, and those of the queue.
    virtual Task<Result<AcceptedCall>> accept(NewCall call, std::int64_t delay_ms) = 0;
    /// The call when it has ended, or as it is at the deadline. Errors: not_found.
    virtual Task<Result<CallRecord>> await_end(std::string id, Deadline deadline) = 0;
    virtual Task<Result<std::vector<CallRecord>>> list(CallQuery query) = 0;
    virtual Task<Result<void>> edit(std::string id, CallEdit edit) = 0;
    virtual Task<Result<void>> redrive(std::string id) = 0;
    virtual Task<Result<std::size_t>> purge(CallQuery query) = 0;
    /// Ends a waiting call as a dead letter; one that runs is not interrupted: conflict.
    virtual Task<Result<void>> cancel(std::string id) = 0;
};

}  // namespace hearth::catalog
