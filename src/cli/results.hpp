#pragma once

#include <boost/json/object.hpp>

#include <string>

#include "cli/program.hpp"

namespace hearth::cli {

/// "function/hello", with the namespace in front unless it is the one in use.
std::string object_label(const boost::json::object& result, std::string_view current_namespace);

/// One line per object of an apply's answer, warnings on `err`.
void print_results(const Context& context, const boost::json::object& answer,
                   std::string_view suffix);

/// The changes of an apply's answer field by field; false when there is none.
bool print_diff(const Context& context, const boost::json::object& answer);

}  // namespace hearth::cli
