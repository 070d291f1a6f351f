#pragma once

#include <functional>
#include <memory>

#include "catalog/new_call.hpp"
#include "support/catch.hpp"
#include "support/run_task.hpp"

namespace hearth::test {

/// What every CallQueue promises. `make` gives an empty one.
class CallQueueContract {
 public:
    using Make = std::function<std::unique_ptr<catalog::CallQueue>()>;
    explicit CallQueueContract(const Make& make) : queue(make()) {}

    void check_life() {
        const auto binary = std::string("\0\xff\n", 3) + "body";
        const auto first = accept(new_call("f", binary));
        const auto second = accept(new_call("f"));
        CHECK(second.call.seq > first.call.seq);
        CHECK(first.call.lane == "default/f");
        CHECK_FALSE(first.existing);
        auto record = found(first.call.id);
        CHECK(record.state == catalog::CallState::waiting);
        CHECK(record.request == new_call("f", binary).request);
        CHECK(record.origin == "HTTPTrigger/default/r");
        CHECK(record.call == first.call);
        REQUIRE(run_task(queue->begin(first.call.seq, 1, 2'000)).value());
        CHECK_FALSE(run_task(queue->begin(first.call.seq, 1, 2'000)).value());
        CHECK(found(first.call.id).state == catalog::CallState::running);
        settle(first.call.seq, catalog::CallState::waiting, attempt(1, 0, "broke off"), 9'000);
        record = found(first.call.id);
        CHECK(record.call.due == 9'000);
        CHECK(record.call.attempts == 1);
        REQUIRE(record.attempts.size() == 1);
        CHECK(record.attempts[0] == attempt(1, 0, "broke off"));
        REQUIRE(run_task(queue->begin(first.call.seq, 2, 9'000)).value());
        catalog::CallSettlement end;
        end.seq = first.call.seq;
        end.attempt = attempt(2, 201);
        end.state = catalog::CallState::succeeded;
        end.due = 10'000;
        end.result.status = 201;
        end.result.headers = {{"X-A", "1"}};
        end.result.body = binary;
        end.follow_ups = {new_call("next")};
        const auto added = run_task(queue->settle(end)).value();
        REQUIRE(added.size() == 1);
        CHECK(added[0].lane == "default/next");
        record = found(first.call.id);
        CHECK(record.state == catalog::CallState::succeeded);
        CHECK(record.ended == 10'000);
        CHECK(record.result == end.result);
        CHECK(record.attempts.size() == 2);
        CHECK(run_task(queue->settle(end)).value().empty());
    }

    void check_keys() {
        auto keyed = new_call("f");
        keyed.idempotency_key = "k";
        const auto first = accept(keyed);
        const auto again = accept(keyed);
        CHECK(again.existing);
        CHECK(again.call.id == first.call.id);
        auto other = new_call("g");
        other.idempotency_key = "k";
        CHECK_FALSE(accept(other).existing);
        CHECK_FALSE(accept(new_call("f")).existing);
    }

    void check_dead_letters() {
        const auto call = accept(new_call("f")).call;
        CHECK(run_task(queue->redrive(call.id, 1, 2)).error().code == Errc::conflict);
        run_task(queue->begin(call.seq, 1, 2'000)).value();
        settle(call.seq, catalog::CallState::failed, attempt(1, 500), 3'000, "retriesExhausted");
        CHECK(found(call.id).reason == "retriesExhausted");
        catalog::CallEdit edit;
        edit.body = "mended";
        edit.headers = catalog::CallHeaders{{"A", "b"}};
        REQUIRE(run_task(queue->edit(call.id, edit)).has_value());
        const auto again = run_task(queue->redrive(call.id, 5'000, 95'000)).value();
        CHECK(again.due == 5'000);
        CHECK(again.expires == 95'000);
        CHECK(again.attempts == 1);
        CHECK(again.budget_from == 1);
        const auto record = found(call.id);
        CHECK(record.state == catalog::CallState::waiting);
        CHECK(record.request.body == "mended");
        CHECK(record.request.method == "POST");
        CHECK(record.request.headers == *edit.headers);
        CHECK(record.reason.empty());
        for (const auto& id : {std::string("x"), call.id + "0",
                               std::string("999-") + call.id.substr(call.id.find('-') + 1)}) {
            CHECK(run_task(queue->find(id)).error().code == Errc::not_found);
            CHECK(run_task(queue->redrive(id, 1, 2)).error().code == Errc::not_found);
        }
    }

    void check_recovery() {
        const auto first = accept(new_call("f")).call;
        const auto second = accept(new_call("g")).call;
        const auto third = accept(new_call("h")).call;
        run_task(queue->begin(first.seq, 1, 2'000)).value();
        run_task(queue->begin(third.seq, 1, 2'000)).value();
        settle(third.seq, catalog::CallState::succeeded, attempt(1, 200), 3'000);
        const auto pending = run_task(queue->recover(7'000)).value();
        REQUIRE(pending.size() == 2);
        CHECK(pending[0].id == first.id);
        CHECK(pending[0].attempts == 1);
        CHECK(pending[1] == second);
        const auto record = found(first.id);
        CHECK(record.state == catalog::CallState::waiting);
        REQUIRE(record.attempts.size() == 1);
        CHECK(record.attempts[0].ended == 7'000);
        CHECK(record.attempts[0].component == "daemon");
    }

    void check_lists_and_retention() {
        std::vector<catalog::PendingCall> calls;
        for (int i = 0; i < 6; ++i) calls.push_back(accept(new_call(i < 3 ? "f" : "g")).call);
        for (int i = 0; i < 5; ++i) {
            run_task(queue->begin(calls[static_cast<std::size_t>(i)].seq, 1, 1)).value();
            settle(calls[static_cast<std::size_t>(i)].seq,
                   i % 2 == 0 ? catalog::CallState::succeeded : catalog::CallState::failed,
                   attempt(1, 200), 1'000 * (i + 1));
        }
        catalog::CallQuery query;
        query.limit = 4;
        auto page = run_task(queue->list(query)).value();
        REQUIRE(page.size() == 4);
        CHECK(page[0].call.id == calls[5].id);
        CHECK((page[0].request.body.empty() && page[0].request.target == "/a?b=c"));
        query.before = page[3].call.seq;
        page = run_task(queue->list(query)).value();
        REQUIRE(page.size() == 2);
        CHECK(page[1].call.id == calls[0].id);
        query = {};
        query.function = "g";
        query.state = catalog::CallState::failed;
        page = run_task(queue->list(query)).value();
        REQUIRE(page.size() == 1);
        CHECK(page[0].call.id == calls[3].id);
        catalog::CallRetention keep;
        keep.succeeded_before = 2'000;
        keep.most_succeeded = 10;
        keep.most_failed = 1;
        CHECK(run_task(queue->trim(keep)).value() ==
              2);  // the first is too old, of two dead one is over
        CHECK(run_task(queue->find(calls[0].id)).has_error());
        CHECK(run_task(queue->find(calls[1].id)).has_error());
        CHECK(run_task(queue->find(calls[3].id)).has_value());
        catalog::CallQuery one;
        one.id = calls[5].id;
        CHECK(run_task(queue->list(one)).value().size() == 1);
        CHECK(run_task(queue->purge(one)).value() == 0);  // it waits
        CHECK(run_task(queue->purge(query)).value() == 1);
        CHECK(run_task(queue->purge({})).value() == 2);
        CHECK(run_task(queue->find(calls[5].id)).has_value());  // it waits: nothing purges it
    }

    catalog::AcceptedCall accept(catalog::NewCall call) {
        return run_task(queue->accept(std::move(call))).value();
    }
    catalog::CallRecord found(const std::string& id) { return run_task(queue->find(id)).value(); }
    void settle(std::int64_t seq, catalog::CallState state, catalog::CallAttempt made,
                catalog::UnixMs due, const std::string& reason = "") {
        catalog::CallSettlement settlement;
        settlement.seq = seq;
        settlement.state = state;
        settlement.attempt = std::move(made);
        settlement.due = due;
        settlement.reason = reason;
        REQUIRE(run_task(queue->settle(settlement)).has_value());
    }

    std::unique_ptr<catalog::CallQueue> queue;
};

inline void check_call_queue_contract(const CallQueueContract::Make& make) {
    SECTION("a call's life") {
        CallQueueContract(make).check_life();
    }
    SECTION("idempotency keys") {
        CallQueueContract(make).check_keys();
    }
    SECTION("dead letters") {
        CallQueueContract(make).check_dead_letters();
    }
    SECTION("recovery") {
        CallQueueContract(make).check_recovery();
    }
    SECTION("lists and retention") {
        CallQueueContract(make).check_lists_and_retention();
    }
}

}  // namespace hearth::test
