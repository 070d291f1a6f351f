#include "store/call_tables.hpp"

#include "store/call_text.hpp"
#include "store/table_writer.hpp"

namespace hearth::store {
namespace {

using catalog::CallState;
using catalog::PendingCall;

Error no_call(const std::string& id) {
    return Error(Errc::not_found, "there is no call \"" + id + "\"");
}

PendingCall pending_of(const Statement& row) {
    PendingCall call;
    call.seq = row.integer(0);
    call.id = row.text(1);
    call.lane = row.text(2);
    call.due = row.integer(3);
    call.expires = row.integer(4);
    call.attempts = static_cast<int>(row.integer(5));
    call.budget_from = static_cast<int>(row.integer(6));
    return call;
}

}  // namespace

Result<CallTables> CallTables::prepare(Database& database) {
    CallTables tables;
    struct Text {
        Statement CallTables::*statement;
        const char* sql;
    };
    static constexpr Text kTexts[] = {
        {&CallTables::find_key_,
         "SELECT seq, id, lane, due, expires, attempts, budget_from, state FROM call "
         "WHERE lane = ?1 AND idempotency_key = ?2 AND idempotency_key <> ''"},
        {&CallTables::add_call_,
         "INSERT INTO call VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'waiting', ?10, ?11, ?12, "
         "0, 0, 0, '', '')"},
        {&CallTables::add_request_, "INSERT INTO call_request VALUES (?1, ?2, ?3, ?4, ?5)"},
        {&CallTables::begin_,
         "UPDATE call SET state = 'running', attempts = ?2 WHERE seq = ?1 AND state = 'waiting' "
         "RETURNING seq"},
        {&CallTables::add_attempt_,
         "INSERT OR REPLACE INTO call_attempt VALUES (?1, ?2, ?3, 0, 0, '', '')"},
        {&CallTables::end_attempt_,
         "UPDATE call_attempt SET ended = ?3, status = ?4, error = ?5, component = ?6 "
         "WHERE seq = ?1 AND number = ?2"},
        {&CallTables::settle_,
         "UPDATE call SET state = ?2, due = ?3, ended = ?4, reason = ?5, message = ?6 "
         "WHERE seq = ?1 AND state IN ('waiting', 'running') RETURNING seq"},
        {&CallTables::put_result_,
         "INSERT OR REPLACE INTO call_result VALUES (?1, ?2, ?3, ?4, ?5)"},
        {&CallTables::state_of_, "SELECT id, state FROM call WHERE seq = ?1"},
        {&CallTables::edit_,
         "UPDATE call_request SET method = coalesce(?2, method), target = coalesce(?3, target), "
         "headers = coalesce(?4, headers), body = coalesce(?5, body) WHERE seq = ?1"},
        {&CallTables::redrive_,
         "UPDATE call SET state = 'waiting', due = ?2, expires = ?3, ended = 0, reason = '', "
         "message = '', budget_from = attempts WHERE seq = ?1 "
         "RETURNING seq, id, lane, due, expires, attempts, budget_from"},
        {&CallTables::purge_,
         "DELETE FROM call WHERE seq IN (SELECT seq FROM call WHERE state IN ('succeeded', "
         "'failed') AND (?1 = '' OR state = ?1) AND (?2 = '' OR ns = ?2) AND (?3 = '' OR function "
         "= ?3) AND (?4 = 0 OR seq < ?4) AND (?6 = '' OR id = ?6) LIMIT ?5) RETURNING seq"},
        {&CallTables::drop_old_,
         "DELETE FROM call WHERE seq IN (SELECT seq FROM call WHERE state = ?1 AND ended > 0 AND "
         "ended < ?2 LIMIT ?3) RETURNING seq"},
        {&CallTables::drop_excess_,
         "DELETE FROM call WHERE seq IN (SELECT seq FROM call WHERE state = ?1 ORDER BY seq DESC "
         "LIMIT ?3 OFFSET ?2) RETURNING seq"},
        {&CallTables::undone_, "UPDATE call_meta SET undone_commits = undone_commits + 1"},
        {&CallTables::interrupt_attempts_,
         "UPDATE call_attempt SET ended = ?1, error = 'the daemon ended while the attempt was "
         "under way', component = 'daemon' WHERE ended = 0 AND seq IN (SELECT seq FROM call WHERE "
         "state = 'running')"},
        {&CallTables::interrupt_calls_,
         "UPDATE call SET state = 'waiting' WHERE state = 'running'"},
        {&CallTables::pending_,
         "SELECT seq, id, lane, due, expires, attempts, budget_from FROM call WHERE state = "
         "'waiting' ORDER BY seq"},
    };
    for (const auto& text : kTexts) {
        auto prepared = database.prepare(text.sql);
        if (!prepared) return prepared.error();
        tables.*text.statement = std::move(*prepared);
    }
    auto last = database.integer("SELECT coalesce(max(seq), 0) FROM call");
    if (!last) return last.error();
    tables.last_ = *last;
    return tables;
}

Result<catalog::AcceptedCall> CallTables::accept(const catalog::NewCall& call) {
    catalog::AcceptedCall accepted;
    const auto lane = catalog::lane_of(call.request);
    if (!call.idempotency_key.empty()) {
        find_key_.bind(1, lane).bind(2, call.idempotency_key);
        auto row = find_key_.step();
        if (!row) return row.error();
        if (*row) {
            accepted.call = pending_of(find_key_);
            accepted.existing = true;
            accepted.state = catalog::call_state_of(find_key_.text(7)).value_or(CallState::waiting);
            find_key_.reset();
            return accepted;
        }
    }
    auto& made = accepted.call;
    // A number is never used again while the daemon runs, also when its transaction is undone.
    made.seq = ++last_;
    made.id = catalog::new_call_id(made.seq);
    made.lane = lane;
    made.due = call.due;
    made.expires = call.expires;
    add_call_.bind(1, made.seq).bind(2, made.id).bind(3, lane);
    add_call_.bind(4, call.request.ns).bind(5, call.request.function).bind(6, call.request.url);
    add_call_.bind(7, call.origin).bind(8, call.idempotency_key);
    add_call_.bind(9, std::int64_t{call.depth}).bind(10, call.created);
    add_call_.bind(11, call.due).bind(12, call.expires);
    if (auto done = add_call_.run(); done.has_error()) return done.error();
    const auto headers = headers_text(call.request.headers);
    add_request_.bind(1, made.seq).bind(2, call.request.method).bind(3, call.request.target);
    add_request_.bind_blob(4, headers).bind_blob(5, call.request.body);
    if (auto done = add_request_.run(); done.has_error()) return done.error();
    return accepted;
}

Result<bool> CallTables::begin(std::int64_t seq, int number, catalog::UnixMs now) {
    begin_.bind(1, seq).bind(2, std::int64_t{number});
    auto row = begin_.step();
    if (!row || !*row) return row;
    begin_.reset();
    add_attempt_.bind(1, seq).bind(2, std::int64_t{number}).bind(3, now);
    if (auto done = add_attempt_.run(); done.has_error()) return done.error();
    return true;
}

Result<std::vector<PendingCall>> CallTables::settle(const catalog::CallSettlement& settlement) {
    const bool again = settlement.state == CallState::waiting;
    settle_.bind(1, settlement.seq).bind(2, catalog::call_state_text(settlement.state));
    settle_.bind(3, settlement.due).bind(4, again ? 0 : settlement.due);
    settle_.bind(5, settlement.reason).bind(6, settlement.message);
    auto row = settle_.step();
    if (!row) return row.error();
    std::vector<PendingCall> added;
    if (!*row) return added;
    settle_.reset();
    const auto& attempt = settlement.attempt;
    if (attempt.number > 0) {
        end_attempt_.bind(1, settlement.seq).bind(2, std::int64_t{attempt.number});
        end_attempt_.bind(3, attempt.ended).bind(4, std::int64_t{attempt.status});
        end_attempt_.bind(5, attempt.error).bind(6, attempt.component);
        if (auto done = end_attempt_.run(); done.has_error()) return done.error();
        if (auto done = put_result(settlement.seq, settlement.result); done.has_error())
            return done.error();
    }
    for (const auto& call : settlement.follow_ups) {
        auto accepted = accept(call);
        if (!accepted) return accepted.error();
        added.push_back(std::move(accepted->call));
    }
    return added;
}

Result<void> CallTables::put_result(std::int64_t seq, const catalog::CallResult& result) {
    const auto headers = headers_text(result.headers);
    put_result_.bind(1, seq).bind(2, std::int64_t{result.status});
    put_result_.bind(3, std::int64_t{result.truncated ? 1 : 0});
    put_result_.bind_blob(4, headers).bind_blob(5, result.body);
    return put_result_.run();
}

Result<std::vector<PendingCall>> CallTables::recover(catalog::UnixMs now) {
    interrupt_attempts_.bind(1, now);
    if (auto done = interrupt_attempts_.run(); done.has_error()) return done.error();
    if (auto done = interrupt_calls_.run(); done.has_error()) return done.error();
    std::vector<PendingCall> waiting;
    for (;;) {
        auto row = pending_.step();
        if (!row) return row.error();
        if (!*row) return waiting;
        waiting.push_back(pending_of(pending_));
    }
}

Result<std::int64_t> CallTables::dead_letter(const std::string& id) {
    const auto seq = catalog::call_seq_of(id);
    if (!seq) return seq.error();
    state_of_.bind(1, *seq);
    auto row = state_of_.step();
    if (!row) return row.error();
    if (!*row) return no_call(id);
    const bool same = state_of_.text(0) == id;
    const std::string state(state_of_.text(1));
    state_of_.reset();
    if (!same) return no_call(id);
    if (state == "failed") return *seq;
    return Error(Errc::conflict,
                 "call " + id + " is " + state + "; only a failed one can be changed or redriven");
}

Result<void> CallTables::edit(const std::string& id, const catalog::CallEdit& edit) {
    const auto seq = dead_letter(id);
    if (!seq) return seq.error();
    const auto headers = edit.headers ? headers_text(*edit.headers) : std::string();
    edit_.bind(1, *seq);
    for (const int absent : {2, 3, 4, 5}) edit_.bind_null(absent);
    if (edit.method) edit_.bind(2, *edit.method);
    if (edit.target) edit_.bind(3, *edit.target);
    if (edit.headers) edit_.bind_blob(4, headers);
    if (edit.body) edit_.bind_blob(5, *edit.body);
    return edit_.run();
}

Result<PendingCall> CallTables::redrive(const std::string& id, catalog::UnixMs now,
                                        catalog::UnixMs expires) {
    const auto seq = dead_letter(id);
    if (!seq) return seq.error();
    redrive_.bind(1, *seq).bind(2, now).bind(3, expires);
    auto row = redrive_.step();
    if (!row) return row.error();
    if (!*row) return no_call(id);
    auto call = pending_of(redrive_);
    redrive_.reset();
    return call;
}

Result<std::size_t> CallTables::drop(Statement& statement) {
    std::size_t removed = 0;
    for (;;) {
        auto row = statement.step();
        if (!row) return row.error();
        if (!*row) return removed;
        ++removed;
    }
}

Result<std::size_t> CallTables::purge(const catalog::CallQuery& query) {
    const auto state = query.state ? catalog::call_state_text(*query.state) : std::string_view();
    purge_.bind(1, state).bind(2, query.ns).bind(3, query.function);
    purge_.bind(4, query.before).bind(5, kDropAtOnce).bind(6, query.id);
    return drop(purge_);
}

Result<std::size_t> CallTables::trim(const catalog::CallRetention& retention) {
    std::size_t removed = 0;
    for (const auto state : {CallState::succeeded, CallState::failed}) {
        const bool failed = state == CallState::failed;
        const auto text = catalog::call_state_text(state);
        const auto most = failed ? retention.most_failed : retention.most_succeeded;
        drop_old_.bind(1, text).bind(3, kDropAtOnce);
        drop_old_.bind(2, failed ? retention.failed_before : retention.succeeded_before);
        auto old = drop(drop_old_);
        if (!old) return old;
        drop_excess_.bind(1, text).bind(3, kDropAtOnce);
        drop_excess_.bind(2, static_cast<std::int64_t>(most));
        auto excess = drop(drop_excess_);
        if (!excess) return excess;
        removed += *old + *excess;
    }
    return removed;
}

Result<void> CallTables::note_undone() {
    return undone_.run();
}

}  // namespace hearth::store
