#pragma once

#include <functional>
#include <optional>
#include <string>

#include "hearth/base/result.hpp"
#include "hearth/http/endpoint.hpp"

namespace hearth::cli {

enum class Output { table, wide, json, yaml, name };

/// What the options before and after a command say for all commands.
struct Settings {
    std::string api, token, data;  ///< empty: the environment variable, then the default
    std::string ns = "default";
    Output output = Output::table;
    bool no_color = false;
};

using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

/// Where the daemon is and who asks.
struct Connection {
    http::Endpoint endpoint;
    std::string host;    ///< of the Host header
    std::string token;   ///< empty: none
    std::string source;  ///< where the address stands, for messages
};

/// Finds the daemon: --api, HEARTH_API, else DATA/run/endpoints.json; the token in the same way,
/// except that the token of a data folder goes to no other daemon than that folder's own. Errors:
/// invalid_argument, unavailable (how to start one).
Result<Connection> locate(const Settings& settings, const EnvironmentLookup& environment);

}  // namespace hearth::cli
