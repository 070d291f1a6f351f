#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hearth/catalog/run_desk.hpp"
#include "hearth/invoke/invoker.hpp"
#include "hearth/trigger/cloud_event.hpp"

namespace hearth::trigger {

/// One event on its way to a function.
struct Delivery {
    std::string ns = "default", function;
    bool workflow = false;           ///< `function` names a Workflow: a run of it is started, once per event
    std::string trigger;             ///< "TimeTrigger/default/nightly": X-Hearth-Trigger; may be empty
    Event event;
    int attempt = 1;                 ///< 1 for the first: X-Hearth-Attempt
    std::string method = "POST", target = "/";
    http::HeaderList headers;        ///< more of them, e.g. Content-Type and Fission's; they win over those made here
    std::string body;
    std::string request_id;          ///< empty: the event's id when it can be one, else a new one
    std::optional<Deadline> deadline;  ///< besides the function's own time limit
    std::uint64_t keep_body = 1u << 20;  ///< bytes of the answer's body that are kept
    Delivery() = default;            // a constructor, so that g++ 12.2 handles it in coroutines
};

/// What an answer means for whoever delivers.
enum class Outcome {
    done,     ///< 2xx or 3xx
    again,    ///< no answer, 408, 425, 429 or 5xx: it may go better later
    refused,  ///< another 4xx, or there is no such function: the same again fails again
};
Outcome outcome_of(const invoke::CallAnswer& answer);

/// Calls functions for triggers. Thread: deliver on a shard.
class Deliverer {
  public:
    /// `runs` starts workflows; null: there are none.
    static std::unique_ptr<Deliverer> make(executor::Executor& executor, invoke::Invoker& invoker,
                                           catalog::RunDesk* runs = nullptr);
    virtual ~Deliverer() = default;
    /// A function or workflow that is not there is an answer with status 404 and the error not_found. A started run is
    /// answered 202 with its id.
    virtual Task<invoke::CallAnswer> deliver(Delivery delivery) = 0;
};

}  // namespace hearth::trigger
