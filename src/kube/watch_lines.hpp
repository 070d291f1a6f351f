#pragma once

#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/kube/client.hpp"

namespace hearth::kube {

/// Cuts a watch's body into its events, whatever pieces it comes in. Pure.
class WatchLines {
 public:
    /// Of an object at most; the API server's own limit of a request is 3 MiB.
    static constexpr std::size_t kLongest = 16u << 20;

    /// The events that are whole now. Errors: invalid_argument (no JSON object, a type nobody
    /// knows, too long a line): the stream is of no use any more.
    Result<std::vector<WatchEvent>> feed(std::string_view bytes);

 private:
    static Result<WatchEvent> event_of(std::string_view line);
    std::string rest_;
};

}  // namespace hearth::kube
