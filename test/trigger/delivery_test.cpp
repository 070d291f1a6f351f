#include "hearth/trigger/delivery.hpp"

#include <chrono>

#include "support/catch.hpp"
#include "support/fake_executor.hpp"
#include "support/fake_run_desk.hpp"
#include "support/run_task.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using trigger::Outcome;

namespace {

/// Keeps the last call and answers it.
class KeepingInvoker final : public invoke::Invoker {
 public:
    Task<invoke::CallReport> serve(http::Exchange&, const invoke::Call&) override {
        throw std::logic_error("a delivery has no client");
    }
    Task<invoke::CallAnswer> call(invoke::DetachedCall call) override {
        last = std::move(call);
        invoke::CallAnswer answer;
        answer.status = 200;
        co_return answer;
    }
    invoke::DetachedCall last;
};

trigger::Delivery delivery_of(const std::string& id) {
    trigger::Delivery delivery;
    delivery.function = "hello";
    delivery.trigger = "TimeTrigger/default/nightly";
    delivery.event.id = id;
    delivery.event.source = "/hearth/timetriggers/default/nightly";
    delivery.event.type = "hearth.timer.fired";
    delivery.event.subject = "Günther \"50%\"";
    delivery.event.time = base::WallTime(1'700'000'000s);
    delivery.attempt = 2;
    delivery.body = "{}";
    return delivery;
}

invoke::CallAnswer answer_of(int status) {
    invoke::CallAnswer answer;
    answer.status = status;
    return answer;
}

}  // namespace

TEST_CASE("delivery: the function is found and told of the event in CloudEvents' headers") {
    test::FakeExecutor executor;
    executor.add("default", "hello");
    KeepingInvoker invoker;
    auto deliverer = trigger::Deliverer::make(executor, invoker);
    auto delivery = delivery_of("e-1");
    delivery.headers.add("Content-Type", "application/json");
    delivery.headers.add("X-Hearth-Attempt", "mine");
    CHECK(test::run_task(deliverer->deliver(std::move(delivery))).status == 200);
    const auto& call = invoker.last;
    CHECK(test::FakeExecutor::name_of(call.function) == "default/hello");
    CHECK(call.request_id == "e-1");
    CHECK(call.body == "{}");
    const auto& headers = call.headers;
    CHECK(headers.find("ce-specversion") == "1.0");
    CHECK(headers.find("ce-id") == "e-1");
    CHECK(headers.find("ce-source") == "/hearth/timetriggers/default/nightly");
    CHECK(headers.find("ce-type") == "hearth.timer.fired");
    CHECK(headers.find("ce-subject") == "G%C3%BCnther%20%2250%25%22");
    CHECK(headers.find("ce-time") == "2023-11-14T22:13:20.000Z");
    CHECK(headers.find("Content-Type") == "application/json");
    CHECK(headers.find("X-Hearth-Trigger") == "TimeTrigger/default/nightly");
    CHECK(headers.count("X-Hearth-Attempt") == 1);
    CHECK(headers.find("X-Hearth-Attempt") == "mine");
}

TEST_CASE("delivery: an id that cannot be a request's is replaced there, not in the event") {
    test::FakeExecutor executor;
    executor.add("default", "hello");
    KeepingInvoker invoker;
    auto deliverer = trigger::Deliverer::make(executor, invoker);
    test::run_task(deliverer->deliver(delivery_of("a b")));
    CHECK(invoker.last.request_id.empty());
    CHECK(invoker.last.headers.find("ce-id") == "a%20b");
}

TEST_CASE("delivery: a function that is not there is refused") {
    test::FakeExecutor executor;
    KeepingInvoker invoker;
    auto deliverer = trigger::Deliverer::make(executor, invoker);
    const auto answer = test::run_task(deliverer->deliver(delivery_of("e-1")));
    CHECK(answer.status == 404);
    REQUIRE(answer.error);
    CHECK(answer.error->message == "there is no Function default/hello");
    CHECK(trigger::outcome_of(answer) == Outcome::refused);
}

TEST_CASE("delivery: what an answer means") {
    for (const int status : {200, 202, 204, 302})
        CHECK(trigger::outcome_of(answer_of(status)) == Outcome::done);
    for (const int status : {408, 425, 429, 500, 503, 599})
        CHECK(trigger::outcome_of(answer_of(status)) == Outcome::again);
    for (const int status : {400, 404, 410, 422})
        CHECK(trigger::outcome_of(answer_of(status)) == Outcome::refused);
    auto broken = answer_of(502);
    broken.error.emplace(Errc::function_failed, "closed");
    CHECK(trigger::outcome_of(broken) == Outcome::again);
}

TEST_CASE("delivery: an event starts a run of a workflow once") {
    test::FakeExecutor executor;
    KeepingInvoker invoker;
    test::FakeRunDesk runs;
    auto deliverer = trigger::Deliverer::make(executor, invoker, &runs);
    auto delivery = delivery_of("e-1");
    delivery.workflow = true;
    delivery.body = "plain";
    auto again = delivery;
    const auto first = test::run_task(deliverer->deliver(std::move(delivery)));
    CHECK(first.status == 202);
    CHECK(trigger::outcome_of(first) == Outcome::done);
    const auto row = test::run_task(runs.journal->find(first.body)).value();
    CHECK(row.origin == "TimeTrigger/default/nightly");
    CHECK(test::run_task(runs.journal->read(row.id)).value().events.front().body == "\"plain\"");
    CHECK(test::run_task(deliverer->deliver(again)).body == first.body);
    auto gone = delivery_of("e-2");
    gone.workflow = true;
    gone.function = "gone";
    CHECK(trigger::outcome_of(test::run_task(deliverer->deliver(std::move(gone)))) ==
          Outcome::refused);
    auto none = trigger::Deliverer::make(executor, invoker);
    CHECK(trigger::outcome_of(test::run_task(none->deliver(again))) == Outcome::refused);
}
