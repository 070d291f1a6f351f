#pragma once

#include <vector>

#include "hearth/catalog/call_queue.hpp"
#include "store/sqlite.hpp"

namespace hearth::store {

/// What is read of queued calls. Thread: that of the database.
class CallReads {
 public:
    static Result<CallReads> prepare(Database& database);

    /// Errors: not_found.
    Result<catalog::CallRecord> find(const std::string& id);
    Result<std::vector<catalog::CallRecord>> list(const catalog::CallQuery& query);

 private:
    Result<void> read_attempts(catalog::CallRecord& record);
    Result<void> read_result(catalog::CallRecord& record);

    Statement find_, list_, attempts_, result_;
};

/// What is written of them; the caller holds a transaction. Thread: that of the database.
class CallTables {
 public:
    static Result<CallTables> prepare(Database& database);

    Result<catalog::AcceptedCall> accept(const catalog::NewCall& call);
    Result<bool> begin(std::int64_t seq, int number, catalog::UnixMs now);
    Result<std::vector<catalog::PendingCall>> settle(const catalog::CallSettlement& settlement);
    Result<std::vector<catalog::PendingCall>> recover(catalog::UnixMs now);
    /// Errors: not_found, conflict.
    Result<void> edit(const std::string& id, const catalog::CallEdit& edit);
    Result<catalog::PendingCall> redrive(const std::string& id, catalog::UnixMs now,
                                         catalog::UnixMs expires);
    Result<std::size_t> purge(const catalog::CallQuery& query);
    Result<std::size_t> trim(const catalog::CallRetention& retention);
    /// A commit that changes nothing else, to overwrite one that failed.
    Result<void> note_undone();

 private:
    Result<std::int64_t> dead_letter(const std::string& id);
    Result<std::size_t> drop(Statement& statement);
    Result<void> put_result(std::int64_t seq, const catalog::CallResult& result);

    std::int64_t last_ = 0;
    Statement find_key_, add_call_, add_request_, begin_, add_attempt_, end_attempt_, settle_,
        put_result_, state_of_, edit_, redrive_, purge_, drop_old_, drop_excess_, undone_;
    Statement interrupt_attempts_, interrupt_calls_, pending_;
};

}  // namespace hearth::store
