#pragma once

#include <boost/json/value.hpp>

#include <optional>

#include "hearth/model/workflow.hpp"
#include "workflow/value.hpp"

namespace hearth::workflow {

/// Parses a value of a run. What is no JSON reads as null: it was checked when it came in.
boost::json::value parsed(const std::string& text);
/// Whether a text is a JSON value a run can hold.
bool is_json(std::string_view text);

/// The part of a document that a path names; null where there is nothing.
Value part_of(const model::JsonPath& path, const Value& document, ValueBook& values);
/// Puts a result into a document. Errors: invalid_argument, when the path leads nowhere.
Result<Value> put_into(const std::optional<model::JsonPath>& path, const Value& document,
                       const Value& result, ValueBook& values);
/// {"errorType": …, "cause": …}
std::string error_text(const std::string& type, const std::string& cause);

/// The state a Choice leads to; empty: no rule holds and there is no default.
std::string chosen(const model::WorkflowState& state, const boost::json::value& input);

}  // namespace hearth::workflow
