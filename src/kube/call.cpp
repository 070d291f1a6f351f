#include "kube/call.hpp"

#include <boost/json/serialize.hpp>

#include "hearth/http/message.hpp"

namespace hearth::kube {

void Call::set_body(const boost::json::value& value, std::string content_type) {
    http.body = boost::json::serialize(value);
    http.content_type = std::move(content_type);
}

std::string query_text(const Query& pairs) {
    std::string text;
    for (const auto& [name, value] : pairs) {
        if (value.empty()) continue;
        text += text.empty() ? '?' : '&';
        text.append(name).append("=").append(http::percent_encode(value));
    }
    return text;
}

}  // namespace hearth::kube
