#include "store/run_tables.hpp"

#include "hearth/catalog/call_queue.hpp"
#include "store/table_writer.hpp"

namespace hearth::store {
namespace {

using catalog::RunPhase;
using catalog::RunRow;

#define HEARTH_RUN_COLUMNS                                                                        \
    "seq, id, ns, workflow, generation, origin, idempotency_key, parent, depth, phase, created, " \
    "ended, error_type, cause"

Error no_run(const std::string& id) {
    return Error(Errc::not_found, "there is no run \"" + id + "\"");
}

RunRow row_of(const Statement& from) {
    RunRow row;
    row.seq = from.integer(0);
    row.id = from.text(1);
    row.ns = from.text(2);
    row.workflow = from.text(3);
    row.generation = from.integer(4);
    row.origin = from.text(5);
    row.idempotency_key = from.text(6);
    row.parent = from.text(7);
    row.depth = static_cast<int>(from.integer(8));
    row.phase = catalog::run_phase_of(from.text(9)).value_or(RunPhase::failed);
    row.created = from.integer(10);
    row.ended = from.integer(11);
    row.error_type = from.text(12);
    row.cause = from.text(13);
    return row;
}

Result<std::vector<RunRow>> rows_of(Statement& statement) {
    std::vector<RunRow> rows;
    for (;;) {
        auto row = statement.step();
        if (!row) return row.error();
        if (!*row) return rows;
        rows.push_back(row_of(statement));
    }
}

template <class Tables>
struct Text {
    Statement Tables::*statement;
    const char* sql;
};

template <class Tables, std::size_t N>
Result<void> prepare_all(Database& database, Tables& tables, const Text<Tables> (&texts)[N]) {
    for (const auto& text : texts) {
        auto prepared = database.prepare(text.sql);
        if (!prepared) return prepared.error();
        tables.*text.statement = std::move(*prepared);
    }
    return {};
}

}  // namespace

Result<RunReads> RunReads::prepare(Database& database) {
    static constexpr Text<RunReads> kTexts[] = {
        {&RunReads::find_, "SELECT " HEARTH_RUN_COLUMNS " FROM run WHERE seq = ?1"},
        {&RunReads::events_, "SELECT head, body FROM run_event WHERE seq = ?1 ORDER BY number"},
        {&RunReads::value_, "SELECT text FROM run_value WHERE seq = ?1 AND digest = ?2"},
        {&RunReads::list_,
         "SELECT " HEARTH_RUN_COLUMNS
         " FROM run WHERE (?1 = '' OR ns = ?1) AND (?2 = '' OR workflow = ?2) AND (?3 = '' OR "
         "phase = ?3) AND (?4 = 0 OR seq < ?4) ORDER BY seq DESC LIMIT ?5"},
        {&RunReads::list_workflow_,
         "SELECT " HEARTH_RUN_COLUMNS
         " FROM run WHERE ns = ?1 AND workflow = ?2 AND (?3 = '' OR phase = ?3) AND (?4 = 0 OR seq "
         "< ?4) ORDER BY seq DESC LIMIT ?5"},
        {&RunReads::list_phase_,
         "SELECT " HEARTH_RUN_COLUMNS
         " FROM run WHERE phase = ?3 AND (?1 = '' OR ns = ?1) AND (?2 = '' OR workflow = ?2) AND "
         "(?4 = 0 OR seq < ?4) ORDER BY seq DESC LIMIT ?5"},
        {&RunReads::unfinished_,
         "SELECT " HEARTH_RUN_COLUMNS " FROM run WHERE phase = 'Running' ORDER BY seq"},
    };
    RunReads reads;
    if (auto done = prepare_all(database, reads, kTexts); done.has_error()) return done.error();
    return reads;
}

Result<RunRow> RunReads::find(const std::string& id) {
    const auto seq = catalog::call_seq_of(id);
    if (!seq) return no_run(id);
    find_.bind(1, *seq);
    auto there = find_.step();
    if (!there) return there.error();
    if (!*there) return no_run(id);
    auto row = row_of(find_);
    find_.reset();
    if (row.id != id) return no_run(id);
    return row;
}

Result<catalog::RunLog> RunReads::read(const std::string& id) {
    auto row = find(id);
    if (!row) return row.error();
    catalog::RunLog log;
    log.row = std::move(*row);
    events_.bind(1, log.row.seq);
    for (;;) {
        auto there = events_.step();
        if (!there) return there.error();
        if (!*there) return log;
        log.events.emplace_back(std::string(events_.text(0)), std::string(events_.blob(1)));
    }
}

Result<std::string> RunReads::value(std::int64_t seq, const std::string& digest) {
    value_.bind(1, seq).bind(2, digest);
    auto there = value_.step();
    if (!there) return there.error();
    if (!*there) return Error(Errc::not_found, "the run has no value " + digest);
    std::string text(value_.blob(0));
    value_.reset();
    return text;
}

Result<std::vector<RunRow>> RunReads::list(const catalog::RunQuery& query) {
    const auto phase = query.phase ? catalog::run_phase_text(*query.phase) : std::string_view();
    const bool one = !query.ns.empty() && !query.workflow.empty();
    auto& statement = one ? list_workflow_ : !phase.empty() ? list_phase_ : list_;
    statement.bind(1, query.ns).bind(2, query.workflow).bind(3, phase).bind(4, query.before);
    statement.bind(5, static_cast<std::int64_t>(query.limit));
    return rows_of(statement);
}

Result<std::vector<RunRow>> RunReads::unfinished() {
    return rows_of(unfinished_);
}

Result<RunTables> RunTables::prepare(Database& database) {
    static constexpr Text<RunTables> kTexts[] = {
        {&RunTables::find_key_, "SELECT " HEARTH_RUN_COLUMNS
                                " FROM run WHERE ns = ?1 AND workflow = ?2 AND idempotency_key = "
                                "?3 AND idempotency_key <> ''"},
        {&RunTables::add_run_,
         "INSERT INTO run (" HEARTH_RUN_COLUMNS
         ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'Running', ?10, 0, '', '')"},
        {&RunTables::has_event_, "SELECT 1 FROM run_event WHERE seq = ?1 AND number = ?2"},
        {&RunTables::add_event_, "INSERT INTO run_event VALUES (?1, ?2, ?3, ?4)"},
        {&RunTables::add_value_, "INSERT OR IGNORE INTO run_value VALUES (?1, ?2, ?3)"},
        {&RunTables::settle_,
         "UPDATE run SET phase = ?2, ended = ?3, error_type = ?4, cause = ?5 WHERE seq = ?1 "
         "RETURNING seq"},
        {&RunTables::state_of_, "SELECT id, phase FROM run WHERE seq = ?1"},
        {&RunTables::remove_, "DELETE FROM run WHERE seq = ?1"},
        {&RunTables::drop_old_,
         "DELETE FROM run WHERE seq IN (SELECT seq FROM run WHERE ended > 0 AND ended < ?1 LIMIT "
         "?2) RETURNING seq"},
        {&RunTables::drop_excess_,
         "DELETE FROM run WHERE seq IN (SELECT seq FROM run WHERE phase <> 'Running' ORDER BY seq "
         "DESC LIMIT ?2 OFFSET ?1) RETURNING seq"},
        {&RunTables::drop_old_of_,
         "DELETE FROM run WHERE seq IN (SELECT seq FROM run WHERE ns = ?3 AND workflow = ?4 AND "
         "phase <> 'Running' AND ended < ?1 LIMIT ?2) RETURNING seq"},
        {&RunTables::drop_excess_of_,
         "DELETE FROM run WHERE seq IN (SELECT seq FROM run WHERE ns = ?3 AND workflow = ?4 AND "
         "phase <> 'Running' ORDER BY seq DESC LIMIT ?2 OFFSET ?1) RETURNING seq"},
        {&RunTables::undone_, "UPDATE run_meta SET undone_commits = undone_commits + 1"},
    };
    RunTables tables;
    if (auto done = prepare_all(database, tables, kTexts); done.has_error()) return done.error();
    auto last = database.integer("SELECT coalesce(max(seq), 0) FROM run");
    if (!last) return last.error();
    tables.last_ = *last;
    return tables;
}

Result<catalog::AcceptedRun> RunTables::create(const catalog::NewRun& run) {
    catalog::AcceptedRun accepted;
    const auto& wanted = run.row;
    if (!wanted.idempotency_key.empty()) {
        find_key_.bind(1, wanted.ns).bind(2, wanted.workflow).bind(3, wanted.idempotency_key);
        auto there = find_key_.step();
        if (!there) return there.error();
        if (*there) {
            accepted.row = row_of(find_key_);
            accepted.existing = true;
            find_key_.reset();
            return accepted;
        }
    }
    auto& row = accepted.row;
    row = wanted;
    // A number is never used again while the daemon runs, also when its transaction is undone.
    row.seq = ++last_;
    row.id = catalog::new_call_id(row.seq);
    row.phase = RunPhase::running;
    add_run_.bind(1, row.seq).bind(2, row.id).bind(3, row.ns).bind(4, row.workflow);
    add_run_.bind(5, row.generation).bind(6, row.origin).bind(7, row.idempotency_key);
    add_run_.bind(8, row.parent).bind(9, std::int64_t{row.depth}).bind(10, row.created);
    if (auto done = add_run_.run(); done.has_error()) return done.error();
    if (auto done = put_events(row.seq, 0, run.events); done.has_error()) return done.error();
    if (auto done = put_values(row.seq, run.values); done.has_error()) return done.error();
    return accepted;
}

Result<void> RunTables::put_events(std::int64_t seq, std::int64_t first,
                                   const std::vector<catalog::RunEvent>& events) {
    for (const auto& event : events) {
        add_event_.bind(1, seq).bind(2, first++).bind(3, event.head).bind_blob(4, event.body);
        if (auto done = add_event_.run(); done.has_error()) return done;
    }
    return {};
}

Result<void> RunTables::put_values(std::int64_t seq, const std::vector<catalog::RunValue>& values) {
    for (const auto& value : values) {
        add_value_.bind(1, seq).bind(2, value.digest).bind_blob(3, value.text);
        if (auto done = add_value_.run(); done.has_error()) return done;
    }
    return {};
}

Result<void> RunTables::append(const catalog::RunAppend& append) {
    settle_.bind(1, append.seq).bind(2, catalog::run_phase_text(append.phase));
    settle_.bind(3, append.ended).bind(4, append.error_type).bind(5, append.cause);
    auto there = settle_.step();
    if (!there) return there.error();
    if (!*there) return no_run(std::to_string(append.seq));
    settle_.reset();
    if (!append.events.empty()) {
        has_event_.bind(1, append.seq).bind(2, append.first);
        auto known = has_event_.step();
        if (!known) return known.error();
        has_event_.reset();
        if (*known)
            return Error(Errc::conflict, "the run has an event of that number already", {},
                         "store");
    }
    if (auto done = put_events(append.seq, append.first, append.events); done.has_error())
        return done;
    return put_values(append.seq, append.values);
}

Result<void> RunTables::remove(const std::string& id) {
    const auto seq = catalog::call_seq_of(id);
    if (!seq) return no_run(id);
    state_of_.bind(1, *seq);
    auto there = state_of_.step();
    if (!there) return there.error();
    if (!*there || state_of_.text(0) != id) {
        state_of_.reset();
        return no_run(id);
    }
    const bool running = state_of_.text(1) == catalog::run_phase_text(RunPhase::running);
    state_of_.reset();
    if (running) return Error(Errc::conflict, "run " + id + " has not ended; cancel it first");
    remove_.bind(1, *seq);
    return remove_.run();
}

Result<std::size_t> RunTables::trim(const catalog::RunRetention& retention) {
    const bool one = !retention.workflow.empty();
    auto& old = one ? drop_old_of_ : drop_old_;
    auto& excess = one ? drop_excess_of_ : drop_excess_;
    old.bind(1, retention.before).bind(2, kDropAtOnce);
    excess.bind(1, static_cast<std::int64_t>(retention.most)).bind(2, kDropAtOnce);
    if (one) {
        old.bind(3, retention.ns).bind(4, retention.workflow);
        excess.bind(3, retention.ns).bind(4, retention.workflow);
    }
    std::size_t removed = 0;
    for (auto* statement : {&old, &excess}) {
        for (;;) {
            auto row = statement->step();
            if (!row) return row.error();
            if (!*row) break;
            ++removed;
        }
    }
    return removed;
}

Result<void> RunTables::note_undone() {
    return undone_.run();
}

#undef HEARTH_RUN_COLUMNS

}  // namespace hearth::store
