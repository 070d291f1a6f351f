#pragma once

#include <cstddef>
#include <memory>

#include "hearth/http/web_client.hpp"

namespace hearth::http {

/// A client through which at most `at_once` requests run at a time; others wait for their turn, first come, first served,
/// within their own deadline, and past a thousand of them are refused. Thread: any shard.
/// Errors besides the client's own: exhausted, deadline_exceeded.
std::shared_ptr<WebClient> take_turns(std::shared_ptr<WebClient> client, std::size_t at_once);

}  // namespace hearth::http
