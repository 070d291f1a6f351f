#include "hearth/trigger/delivery.hpp"

namespace hearth::trigger {
namespace {

class PlainDeliverer final : public Deliverer {
 public:
    PlainDeliverer(executor::Executor& executor, invoke::Invoker& invoker, catalog::RunDesk* runs)
        : executor_(executor), invoker_(invoker), runs_(runs) {}

    Task<invoke::CallAnswer> deliver(Delivery delivery) override;

 private:
    Task<invoke::CallAnswer> start_run(Delivery delivery);

    executor::Executor& executor_;
    invoke::Invoker& invoker_;
    catalog::RunDesk* runs_;
};

invoke::CallAnswer no_such_function(const Delivery& delivery) {
    invoke::CallAnswer answer;
    answer.status = 404;
    answer.error.emplace(Errc::not_found,
                         "there is no Function " + delivery.ns + "/" + delivery.function, "",
                         "executor");
    answer.report.status = answer.status;
    answer.report.component = "executor";
    return answer;
}

http::HeaderList headers_of(Delivery& delivery) {
    http::HeaderList headers;
    // What came in as an event goes on as the same event.
    const auto type = delivery.headers.find("Content-Type").value_or("");
    if (!delivery.headers.has("ce-specversion") && !type.starts_with("application/cloudevents"))
        add_event_headers(delivery.event, headers);
    if (!delivery.trigger.empty()) headers.add("X-Hearth-Trigger", delivery.trigger);
    headers.add("X-Hearth-Attempt", std::to_string(delivery.attempt));
    for (std::size_t i = 0; i < delivery.headers.size(); ++i) {
        const auto [name, value] = delivery.headers.at(i);
        headers.remove(name);
    }
    for (std::size_t i = 0; i < delivery.headers.size(); ++i) {
        const auto [name, value] = delivery.headers.at(i);
        headers.add(name, value);
    }
    return headers;
}

/// The same event delivered again finds the run it has started.
Task<invoke::CallAnswer> PlainDeliverer::start_run(Delivery delivery) {
    invoke::CallAnswer answer;
    catalog::RunStart start;
    start.ns = delivery.ns;
    start.workflow = delivery.function;
    start.input = catalog::run_input(std::move(delivery.body));
    start.origin = delivery.trigger;
    start.idempotency_key = delivery.event.id;
    Result<catalog::AcceptedRun> accepted =
        Error(Errc::not_found, "this daemon runs no workflows", "", "workflow");
    if (runs_ != nullptr) accepted = co_await runs_->start_run(std::move(start));
    if (accepted) {
        answer.status = 202;
        answer.headers.add("X-Hearth-Workflow-Run", accepted->row.id);
        answer.body = accepted->row.id;
    } else if (accepted.error().code == Errc::too_large ||
               accepted.error().code == Errc::invalid_argument) {
        // The same again fails again.
        answer.status = 422;
        answer.body = accepted.error().message;
    } else {
        answer.status = accepted.error().code == Errc::not_found ? 404 : 503;
        answer.error = accepted.error();
        answer.report.component = "workflow";
    }
    answer.report.status = answer.status;
    co_return answer;
}

Task<invoke::CallAnswer> PlainDeliverer::deliver(Delivery delivery) {
    if (delivery.workflow) co_return co_await start_run(std::move(delivery));
    invoke::DetachedCall call;
    call.function = executor_.find(delivery.ns, delivery.function);
    if (!call.function) co_return no_such_function(delivery);
    call.headers = headers_of(delivery);
    call.request_id = delivery.request_id.empty() && invoke::usable_request_id(delivery.event.id)
                          ? delivery.event.id
                          : std::move(delivery.request_id);
    call.method = std::move(delivery.method);
    call.target = std::move(delivery.target);
    call.body = std::move(delivery.body);
    call.deadline = delivery.deadline;
    call.keep_body = delivery.keep_body;
    co_return co_await invoker_.call(std::move(call));
}

}  // namespace

Outcome outcome_of(const invoke::CallAnswer& answer) {
    const auto code = answer.error ? answer.error->code : Errc::internal;
    if (code == Errc::not_found || code == Errc::too_large) return Outcome::refused;
    if (answer.error) return Outcome::again;
    const int status = answer.status;
    if (status >= 200 && status < 400) return Outcome::done;
    if (status >= 500 || status == 408 || status == 425 || status == 429) return Outcome::again;
    return Outcome::refused;
}

std::unique_ptr<Deliverer> Deliverer::make(executor::Executor& executor, invoke::Invoker& invoker,
                                           catalog::RunDesk* runs) {
    return std::make_unique<PlainDeliverer>(executor, invoker, runs);
}

}  // namespace hearth::trigger
