#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "cli/program.hpp"
#include "hearth/base/json_view.hpp"
#include "hearth/model/kinds.hpp"

namespace hearth::cli {

using base::bool_at;
using base::integer_at;
using base::text_at;
using base::value_at;

/// Header and cells of a kind's table; `wide` adds columns.
std::vector<std::string> columns_of(model::Kind kind, bool wide);
std::vector<std::string> cells_of(model::Kind kind, const boost::json::object& object, bool wide,
                                  std::chrono::system_clock::time_point now);

/// "yes", or why an object is not ready; empty: it has no such condition.
std::string ready_text(const boost::json::object& object);
/// "function/hello"
std::string short_name(const boost::json::object& object);
/// "3s", "5m", "4h", "2d" since an RFC 3339 time; "" when it is none.
std::string age_of(const std::string& rfc3339, std::chrono::system_clock::time_point now);
std::string bytes_text(std::uint64_t bytes);
std::string duration_text(std::int64_t milliseconds);

/// JSON with two spaces of indentation.
std::string pretty(const boost::json::value& value);
/// Prints a value as -o json or -o yaml says; false for the other forms.
bool print_value(const Context& context, const boost::json::value& value);

/// Prints a list answer of one kind in the form -o asks for.
void print_items(const Context& context, model::Kind kind, const boost::json::value& list);

/// The kind by any of its names. Errors: invalid_argument with the nearest.
Result<model::Kind> kind_named(const std::string& word);

}  // namespace hearth::cli
