#pragma once

#include <optional>

#include "hearth/catalog/call_queue.hpp"
#include "hearth/http/web_client.hpp"
#include "hearth/model/invocation.hpp"
#include "hearth/trigger/delivery.hpp"

namespace hearth::trigger {

/// What the function of a queued call is sent.
Delivery delivery_of(const catalog::CallRecord& record, int attempt);

/// The same of a destination that is an address. Errors: invalid_argument.
Result<http::WebRequest> web_request_of(const catalog::CallRecord& record, int attempt);

catalog::CallResult result_of(const invoke::CallAnswer& answer);

/// How many destinations a call may come through: two functions that name each other end here.
inline constexpr int kMostDestinations = 3;

/// The call that tells the destination how `record` ended, as `settlement` says. Nothing when there
/// is none, or when the call has come through too many. Pure.
std::optional<catalog::NewCall> follow_up(const model::Invocation& policy,
                                          const catalog::CallRecord& record,
                                          const catalog::CallSettlement& settlement);

}  // namespace hearth::trigger
