#include <map>
#include <mutex>

#include "hearth/catalog/call_queue.hpp"

namespace hearth::catalog {
namespace {

Error no_call(std::string_view id) {
    return Error(Errc::not_found, "there is no call \"" + std::string(id) + "\"");
}

Error no_dead_letter(const CallRecord& record) {
    return Error(Errc::conflict, "call " + record.call.id + " is " +
                                     std::string(call_state_text(record.state)) +
                                     "; only a failed one can be changed or redriven");
}

bool ended(const CallRecord& record) {
    return record.state == CallState::succeeded || record.state == CallState::failed;
}

bool fits(const CallRecord& record, const CallQuery& query) {
    return (query.ns.empty() || record.request.ns == query.ns) &&
           (query.function.empty() || record.request.function == query.function) &&
           (query.id.empty() || record.call.id == query.id) &&
           (!query.state || record.state == *query.state) &&
           (query.before == 0 || record.call.seq < query.before);
}

class MemoryCallQueue final : public CallQueue {
 public:
    Task<Result<AcceptedCall>> accept(NewCall call) override {
        std::lock_guard lock(mutex_);
        co_return add(std::move(call));
    }

    Task<Result<bool>> begin(std::int64_t seq, int number, UnixMs now) override {
        std::lock_guard lock(mutex_);
        const auto found = calls_.find(seq);
        if (found == calls_.end() || found->second.state != CallState::waiting) co_return false;
        found->second.state = CallState::running;
        found->second.call.attempts = number;
        auto& attempt = found->second.attempts.emplace_back();
        attempt.number = number;
        attempt.started = now;
        co_return true;
    }

    Task<Result<std::vector<PendingCall>>> settle(CallSettlement settlement) override {
        std::lock_guard lock(mutex_);
        std::vector<PendingCall> added;
        const auto found = calls_.find(settlement.seq);
        if (found == calls_.end() || ended(found->second)) co_return added;
        auto& record = found->second;
        const auto& attempt = settlement.attempt;
        if (attempt.number > 0 && !record.attempts.empty()) record.attempts.back() = attempt;
        record.state = settlement.state;
        record.call.due = settlement.due;
        record.reason = settlement.reason;
        record.message = settlement.message;
        if (attempt.number > 0) record.result = std::move(settlement.result);
        if (ended(record)) record.ended = settlement.due;
        for (auto& call : settlement.follow_ups) added.push_back(add(std::move(call)).call);
        co_return added;
    }

    Task<Result<std::vector<PendingCall>>> recover(UnixMs now) override {
        std::lock_guard lock(mutex_);
        std::vector<PendingCall> pending;
        for (auto& [seq, record] : calls_) {
            if (record.state == CallState::running) {
                record.state = CallState::waiting;
                auto& attempt = record.attempts.back();
                attempt.ended = now;
                attempt.error = kInterrupted;
                attempt.component = "daemon";
            }
            if (record.state == CallState::waiting) pending.push_back(record.call);
        }
        co_return pending;
    }

    Task<Result<CallRecord>> find(std::string id) override {
        std::lock_guard lock(mutex_);
        const auto* record = locate(id);
        if (record == nullptr) co_return no_call(id);
        co_return *record;
    }

    Task<Result<std::vector<CallRecord>>> list(CallQuery query) override {
        std::lock_guard lock(mutex_);
        std::vector<CallRecord> page;
        for (auto at = calls_.rbegin(); at != calls_.rend() && page.size() < query.limit; ++at) {
            if (!fits(at->second, query)) continue;
            auto& record = page.emplace_back(at->second);
            record.request.body.clear();
            record.request.headers.clear();
            record.attempts.clear();
            record.result = {};
        }
        co_return page;
    }

    Task<Result<void>> edit(std::string id, CallEdit edit) override {
        std::lock_guard lock(mutex_);
        auto* record = locate(id);
        if (record == nullptr) co_return no_call(id);
        if (record->state != CallState::failed) co_return no_dead_letter(*record);
        auto& request = record->request;
        if (edit.body) request.body = std::move(*edit.body);
        if (edit.method) request.method = std::move(*edit.method);
        if (edit.target) request.target = std::move(*edit.target);
        if (edit.headers) request.headers = std::move(*edit.headers);
        co_return Result<void>();
    }

    Task<Result<PendingCall>> redrive(std::string id, UnixMs now, UnixMs expires) override {
        std::lock_guard lock(mutex_);
        auto* record = locate(id);
        if (record == nullptr) co_return no_call(id);
        if (record->state != CallState::failed) co_return no_dead_letter(*record);
        record->state = CallState::waiting;
        record->ended = 0;
        record->reason.clear();
        record->message.clear();
        record->call.due = now;
        record->call.expires = expires;
        record->call.budget_from = record->call.attempts;
        co_return record->call;
    }

    Task<Result<std::size_t>> purge(CallQuery query) override {
        std::lock_guard lock(mutex_);
        const auto gone = [&](const auto& entry) {
            return ended(entry.second) && fits(entry.second, query);
        };
        co_return std::erase_if(calls_, gone);
    }

    Task<Result<std::size_t>> trim(CallRetention retention) override {
        std::lock_guard lock(mutex_);
        std::size_t removed = 0;
        for (const bool failed : {false, true}) {
            const auto before = failed ? retention.failed_before : retention.succeeded_before;
            const auto most = failed ? retention.most_failed : retention.most_succeeded;
            const auto state = failed ? CallState::failed : CallState::succeeded;
            const auto old = [&](const auto& entry) {
                return entry.second.state == state && entry.second.ended < before;
            };
            removed += std::erase_if(calls_, old);
            removed += drop_oldest(state, most);
        }
        co_return removed;
    }

 private:
    static constexpr const char* kInterrupted = "the daemon ended while the attempt was under way";

    AcceptedCall add(NewCall call) {
        AcceptedCall accepted;
        for (const auto& [seq, record] : calls_) {
            const bool same = !call.idempotency_key.empty() &&
                              record.idempotency_key == call.idempotency_key &&
                              lane_of(record.request) == lane_of(call.request);
            if (!same) continue;
            accepted.call = record.call;
            accepted.existing = true;
            accepted.state = record.state;
            return accepted;
        }
        auto& record = calls_[++last_];
        record.call.seq = last_;
        record.call.id = new_call_id(last_);
        record.call.lane = lane_of(call.request);
        record.call.due = call.due;
        record.call.expires = call.expires;
        record.request = std::move(call.request);
        record.origin = std::move(call.origin);
        record.idempotency_key = std::move(call.idempotency_key);
        record.depth = call.depth;
        record.created = call.created;
        accepted.call = record.call;
        return accepted;
    }

    CallRecord* locate(const std::string& id) {
        const auto seq = call_seq_of(id);
        if (!seq) return nullptr;
        const auto found = calls_.find(*seq);
        return found == calls_.end() || found->second.call.id != id ? nullptr : &found->second;
    }

    std::size_t drop_oldest(CallState state, std::size_t most) {
        std::size_t there = 0;
        for (const auto& [seq, record] : calls_) there += record.state == state;
        std::size_t excess = there > most ? there - most : 0;
        const auto gone = [&](const auto& entry) {
            return entry.second.state == state && excess > 0 && excess-- > 0;
        };
        return std::erase_if(calls_, gone);
    }

    std::mutex mutex_;
    std::map<std::int64_t, CallRecord> calls_;
    std::int64_t last_ = 0;
};

}  // namespace

std::unique_ptr<CallQueue> make_memory_call_queue() {
    return std::make_unique<MemoryCallQueue>();
}

}  // namespace hearth::catalog
