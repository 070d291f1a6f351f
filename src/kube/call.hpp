#pragma once

#include <boost/json/value.hpp>

#include <string>
#include <utility>
#include <vector>

#include "hearth/kube/resource_type.hpp"
#include "kube/connection.hpp"

namespace hearth::kube {

/// One request, and what it is counted as.
struct Call {
    HttpRequest http;
    std::string verb, resource;  ///< bounded: they are metric labels
    bool urgent = false;         ///< does not wait for the request budget
    Call() = default;
    Call(std::string method, std::string target, std::string v, std::string r)
        : verb(std::move(v)), resource(std::move(r)) {
        http.method = std::move(method);
        http.target = std::move(target);
    }
    void set_body(const boost::json::value& value, std::string content_type);
};

using Query = std::vector<std::pair<std::string, std::string>>;

/// "?a=b&c=d" of the pairs whose value is not empty, percent-encoded; empty when there is none.
std::string query_text(const Query& pairs);

}  // namespace hearth::kube
