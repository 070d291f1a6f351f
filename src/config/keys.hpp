#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "hearth/config/daemon_config.hpp"

namespace hearth::config {

/// How a key's text is written and read.
enum class Form {
    text,
    path,
    boolean,
    integer,
    bytes,     ///< "64Mi"
    cpu,       ///< "500m", "2"; 0: no limit
    duration,  ///< "30s"
    list,      ///< of texts
    map,       ///< text to text
};

/// Where the value of a key lives in a DaemonConfig.
using Slot = std::variant<std::string*, std::filesystem::path*, bool*, std::uint64_t*,
                          std::uint32_t*, int*, std::chrono::milliseconds*,
                          std::vector<std::string>*, std::map<std::string, std::string>*>;

/// One key of hearth.yaml. Parsing, environment variables, JSON, the example file and the reference
/// all read these rows.
struct KeyRow {
    std::string_view name;  ///< "listen.gateway"
    Form form;
    Slot (*slot)(DaemonConfig&);
    /// "listen", "cidr", "name", "subdomain", "enum:a,b" or "range:LOW..HIGH" in the form's own
    /// notation; empty: any.
    std::string_view rule;
    std::string_view unit;  ///< for the reference
    std::string_view doc;   ///< what it does, and what too small or too large a value costs
};

std::span<const KeyRow> key_rows();
const KeyRow* find_key(std::string_view name);
/// Whether `name` is the first part of some key ("listen").
bool is_section(std::string_view name);

/// "HEARTH_LISTEN__GATEWAY" for "listen.gateway".
std::string variable_of(std::string_view key);

/// The value as hearth.yaml would hold it: "30s", "4Mi", "true". Lists and maps are joined by
/// commas.
std::string text_of(const KeyRow& row, const DaemonConfig& config);

/// Reads a scalar into the key's slot. Returns what is wrong with it, or an empty string.
std::string assign_text(const KeyRow& row, std::string_view text, DaemonConfig& config);
/// Checks one item of a list key by the row's rule. Returns what is wrong with it, or an empty
/// string.
std::string check_item(const KeyRow& row, std::string_view item);

/// Whether a listen address can only be reached from this machine.
bool is_loopback(std::string_view listen);

/// config/hearth.yaml: every key with its default and documentation.
std::string example_yaml();

}  // namespace hearth::config
