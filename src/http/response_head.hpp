#pragma once

#include <string>
#include <string_view>

#include "http/upstream_pool.hpp"

namespace hearth::http {

enum class HeadStep { need_more, complete, bad };

/// Takes an upstream's response head out of its buffer, interim heads before it left out, and
/// checks that it can be trusted to frame what follows. Thread: the connection's shard.
class ResponseHeadReader {
 public:
    /// `limit`: longest head in bytes. `websocket`: whether 101 was asked for.
    HeadStep read(UpstreamConnection& peer, std::string_view method, std::size_t limit,
                  bool websocket);
    /// After `bad`: what is wrong with it.
    const std::string& fault() const { return fault_; }

 private:
    HeadStep bad(std::string fault);

    std::string fault_;
    int interim_ = 0;
};

/// RFC 9110 section 9.2.2, of what may be sent once more on another connection.
bool may_repeat(std::string_view method);

}  // namespace hearth::http
