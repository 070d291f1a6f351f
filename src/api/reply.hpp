#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <vector>

#include "hearth/http/message.hpp"
#include "hearth/model/document.hpp"

namespace hearth::api {

/// What a handler answers. `sent` says that it has streamed the answer by itself.
struct Reply {
    http::ResponseHead head;
    std::string body;
    bool sent = false;
    Reply() = default;  // a constructor, so that g++ 12.2 handles it in coroutines
};

Reply json_reply(int status, const boost::json::value& value);
Reply text_reply(int status, std::string text, std::string_view media);
/// The handler has answered on the exchange.
Reply sent_reply();

/// A problem document (RFC 9457). `status` 0: as the error's code says. `faults` become `errors`.
Reply problem(std::string_view request_id, const Error& error, int status = 0,
              const std::vector<model::Fault>& faults = {}, boost::json::object extra = {});

}  // namespace hearth::api
