#include "store/call_tables.hpp"
#include "store/call_text.hpp"

namespace hearth::store {

namespace {

#define HEARTH_CALL_COLUMNS                                                                   \
    "seq, id, lane, ns, function, url, origin, idempotency_key, depth, state, created, due, " \
    "expires, ended, attempts, budget_from, reason, message"
constexpr int kColumns = 18;

catalog::CallRecord record_of(const Statement& row) {
    catalog::CallRecord record;
    auto& call = record.call;
    call.seq = row.integer(0);
    call.id = row.text(1);
    call.lane = row.text(2);
    record.request.ns = row.text(3);
    record.request.function = row.text(4);
    record.request.url = row.text(5);
    record.origin = row.text(6);
    record.idempotency_key = row.text(7);
    record.depth = static_cast<int>(row.integer(8));
    record.state = catalog::call_state_of(row.text(9)).value_or(catalog::CallState::waiting);
    record.created = row.integer(10);
    call.due = row.integer(11);
    call.expires = row.integer(12);
    record.ended = row.integer(13);
    call.attempts = static_cast<int>(row.integer(14));
    call.budget_from = static_cast<int>(row.integer(15));
    record.reason = row.text(16);
    record.message = row.text(17);
    return record;
}

}  // namespace

std::string headers_text(const catalog::CallHeaders& headers) {
    std::string text;
    for (const auto& [name, value] : headers) {
        text.append(name).append(": ").append(value).append("\n");
    }
    return text;
}

catalog::CallHeaders headers_of(std::string_view text) {
    catalog::CallHeaders headers;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto line = text.substr(0, end);
        const auto colon = line.find(": ");
        if (colon != std::string_view::npos)
            headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return headers;
}

Result<CallReads> CallReads::prepare(Database& database) {
    CallReads reads;
    struct Text {
        Statement CallReads::*statement;
        const char* sql;
    };
    static constexpr Text kTexts[] = {
        {&CallReads::find_, "SELECT " HEARTH_CALL_COLUMNS
                            ", method, target, headers, body FROM call JOIN call_request USING "
                            "(seq) WHERE seq = ?1"},
        {&CallReads::list_,
         "SELECT " HEARTH_CALL_COLUMNS
         ", method, target FROM call JOIN call_request USING (seq) WHERE (?1 = "
         "'' OR state = ?1) AND (?2 = '' OR ns = ?2) AND (?3 = '' OR function = "
         "?3) AND (?4 = 0 OR seq < ?4) AND (?6 = '' OR id = ?6) ORDER BY seq DESC LIMIT ?5"},
        {&CallReads::attempts_,
         "SELECT number, started, ended, status, error, component FROM call_attempt WHERE seq = ?1 "
         "ORDER BY number"},
        {&CallReads::result_,
         "SELECT status, truncated, headers, body FROM call_result WHERE seq = ?1"},
    };
    for (const auto& text : kTexts) {
        auto prepared = database.prepare(text.sql);
        if (!prepared) return prepared.error();
        reads.*text.statement = std::move(*prepared);
    }
    return reads;
}

Result<catalog::CallRecord> CallReads::find(const std::string& id) {
    const auto seq = catalog::call_seq_of(id);
    if (!seq) return seq.error();
    find_.bind(1, *seq);
    auto row = find_.step();
    if (!row) return row.error();
    const auto missing = Error(Errc::not_found, "there is no call \"" + id + "\"");
    if (!*row) return missing;
    auto record = record_of(find_);
    record.request.method = find_.text(kColumns);
    record.request.target = find_.text(kColumns + 1);
    record.request.headers = headers_of(find_.blob(kColumns + 2));
    record.request.body = find_.blob(kColumns + 3);
    find_.reset();
    if (record.call.id != id) return missing;
    if (auto done = read_attempts(record); done.has_error()) return done.error();
    if (auto done = read_result(record); done.has_error()) return done.error();
    return record;
}

Result<void> CallReads::read_attempts(catalog::CallRecord& record) {
    attempts_.bind(1, record.call.seq);
    for (;;) {
        auto row = attempts_.step();
        if (!row) return row.error();
        if (!*row) return {};
        auto& attempt = record.attempts.emplace_back();
        attempt.number = static_cast<int>(attempts_.integer(0));
        attempt.started = attempts_.integer(1);
        attempt.ended = attempts_.integer(2);
        attempt.status = static_cast<int>(attempts_.integer(3));
        attempt.error = attempts_.text(4);
        attempt.component = attempts_.text(5);
    }
}

Result<void> CallReads::read_result(catalog::CallRecord& record) {
    result_.bind(1, record.call.seq);
    auto row = result_.step();
    if (!row) return row.error();
    if (!*row) return {};
    record.result.status = static_cast<int>(result_.integer(0));
    record.result.truncated = result_.integer(1) != 0;
    record.result.headers = headers_of(result_.blob(2));
    record.result.body = result_.blob(3);
    result_.reset();
    return {};
}

Result<std::vector<catalog::CallRecord>> CallReads::list(const catalog::CallQuery& query) {
    const auto state = query.state ? catalog::call_state_text(*query.state) : std::string_view();
    list_.bind(1, state).bind(2, query.ns).bind(3, query.function);
    list_.bind(4, query.before).bind(5, static_cast<std::int64_t>(query.limit)).bind(6, query.id);
    std::vector<catalog::CallRecord> page;
    for (;;) {
        auto row = list_.step();
        if (!row) return row.error();
        if (!*row) return page;
        page.push_back(record_of(list_));
        page.back().request.method = list_.text(kColumns);
        page.back().request.target = list_.text(kColumns + 1);
    }
}

}  // namespace hearth::store
