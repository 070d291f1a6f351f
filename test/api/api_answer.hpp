#pragma once

#include <boost/json.hpp>

#include <stdexcept>
#include <string>
#include <utility>

#include "hearth/http/client.hpp"

namespace hearth::test {

struct Answer {
    int status = 0;
    std::string body;
    http::HeaderList headers;
    boost::json::value json() const {
        boost::json::error_code failed;
        auto value = boost::json::parse(body, failed);
        return failed ? boost::json::value(nullptr) : value;
    }
    std::string text(std::string_view pointer) const {
        boost::json::error_code failed;
        const auto value = json();
        const auto* found = value.find_pointer(pointer, failed);
        if (found == nullptr) return "(absent)";
        if (const auto* string = found->if_string()) return std::string(*string);
        return boost::json::serialize(*found);
    }
    /// A copy, so that a loop over it is safe.
    boost::json::array array(std::string_view pointer) const {
        boost::json::error_code failed;
        const auto value = json();
        const auto* found = value.find_pointer(pointer, failed);
        return found && found->is_array() ? found->get_array() : boost::json::array();
    }
    std::string header(std::string_view name) const {
        return std::string(headers.find(name).value_or(""));
    }
};

/// The documents of one working function with its route.
inline std::string hello(const std::string& name = "hello",
                         const std::string& code = "def main(): return 1",
                         const std::string& route = "/hello") {
    return "apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: py}\n"
           "spec: {version: 3, runtime: {image: ghcr.io/fission/python-env}}\n"
           "---\napiVersion: hearth/v1\nkind: Package\nmetadata: {name: " +
           name +
           "-pkg}\n"
           "spec:\n  environment: {name: py}\n  deployment:\n    files:\n      main.py: \"" +
           code +
           "\"\n"
           "---\napiVersion: hearth/v1\nkind: Function\nmetadata: {name: " +
           name +
           "}\n"
           "spec:\n  environment: {name: py}\n  package: {functionName: main.main, packageref: "
           "{name: " +
           name +
           "-pkg}}\n"
           "---\napiVersion: hearth/v1\nkind: HTTPTrigger\nmetadata: {name: " +
           name +
           "}\n"
           "spec: {relativeurl: " +
           route + ", methods: [GET], functionref: {type: name, name: " + name + "}}\n";
}

}  // namespace hearth::test
