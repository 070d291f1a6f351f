#pragma once

#include <string>

#include "api/content.hpp"
#include "api/context.hpp"

namespace hearth::api {

/// A write of checked documents, from the archives to the catalog.
struct WriteRequest {
    Incoming incoming;
    std::string set;
    bool prune = false;
    bool dry_run = false;
    bool verify = false;
    WriteRequest() = default;  // a constructor, so that g++ 12.2 handles it in coroutines
};

struct WriteOutcome {
    std::optional<Refusal> refusal;
    std::string trace;  ///< of a function that did not load
    std::vector<Step> steps;
    std::shared_ptr<State> state;  ///< with the new objects in it
    std::int64_t revision = 0;     ///< of the catalog after the write
    WriteOutcome() = default;
};

/// Access, archives, plan, trial load, write: all or nothing. Retries when others write the same
/// objects meanwhile.
Task<WriteOutcome> write_documents(Context& context, const Access& access, WriteRequest request);
/// The same for a delete.
Task<WriteOutcome> remove_object(Context& context, const Access& access, Removal removal,
                                 bool dry_run);

/// The only place where the API writes to the catalog.
Task<Result<std::vector<catalog::Change>>> commit(
    Context& context, Authorised<std::vector<catalog::Mutation>> mutations);

/// The body as it came, with its format; nothing when the media type or size is refused and
/// `refused` has the answer.
Task<std::optional<Reading>> receive_body(Context& context, Request& request,
                                          std::optional<Reply>& refused);

/// The body of a write, read and checked; large ones on the blocking pool.
Task<Result<Incoming>> read_body(Context& context, Reading reading);

/// The answer for a refused write.
Reply refusal_reply(const Request& request, const WriteOutcome& outcome);
/// The answer for documents that were not accepted; nothing when they were.
std::optional<Reply> fault_reply(const Request& request, const Incoming& incoming);

}  // namespace hearth::api
