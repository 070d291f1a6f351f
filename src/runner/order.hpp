#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "runner/fault.hpp"
#include "runner/net.hpp"

namespace hearth::runner {

/// Files by their path below /secrets or /configs: "namespace/name/key" → bytes.
using FileMap = std::map<std::string, std::string>;

struct Settings {
    FileMap secrets;
    FileMap configs;
};

/// What one unpacked archive may hold at most.
struct ArchiveBounds {
    std::uint64_t bytes = 512u << 20;
    std::uint32_t files = 20'000;  ///< files and folders
};

/// The first line of a load.
struct LoadOrder {
    std::string identity;
    std::string
        digest;  ///< names the folder of the code; empty only where there is no code to load
    enum class Archive { follows, present, peer } archive = Archive::follows;
    std::optional<Endpoint> peer;
    std::string file;  ///< inside the archive; empty: the whole folder
    std::string function_name;
    boost::json::object function;  ///< {namespace, name, uid, generation}, shown in the state
    boost::json::object metadata;  ///< FunctionMetadata, passed on unread
    std::int64_t environment_version = 2;
    int contract = 2;
    boost::json::object env;  ///< texts
    Settings settings;
    std::chrono::milliseconds limit{60'000};
    ArchiveBounds bounds;
    LoadOrder() = default;
};

/// Unknown members are left alone: a newer daemon may drive an older runner.
/// Errors: invalid_argument naming the member.
Result<LoadOrder> parse_order(std::string_view line);

/// The body of PUT /v1/settings: `{secrets, configs}`. Errors: invalid_argument.
Result<Settings> parse_settings(std::string_view text);

/// Fit to be a folder's name beside `user` and what is written aside.
bool is_digest(std::string_view text);

}  // namespace hearth::runner
