#pragma once

#include <string>
#include <string_view>

#include "hearth/base/result.hpp"
#include "hearth/model/invocation.hpp"

namespace hearth::trigger {

/// A destination's topic as the address that a queued call carries:
/// "kafka://SERVERS/TOPIC?secret=NAME", also "nats://" and "nats-jetstream://". Empty servers: the
/// configuration's. Pure.
std::string topic_url(const model::CallTopic& topic);
/// Whether it is one of these; else it is to be called by HTTP.
bool is_topic_url(std::string_view url);
/// Errors: invalid_argument.
Result<model::CallTopic> parse_topic_url(std::string_view url);

}  // namespace hearth::trigger
