#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::model {

/// A place in a JSON value: `$`, `$.orders[0].id`, `$['a key']`. One place, no wildcards, no filters.
class JsonPath {
  public:
    /// The whole value.
    JsonPath() = default;
    /// Errors: invalid_argument, naming what is wrong with the text.
    static Result<JsonPath> parse(std::string_view text);

    bool whole() const { return parts_.empty(); }
    /// Null when there is nothing at the place.
    const boost::json::value* find(const boost::json::value& in) const;
    /// Puts `what` at the place; maps on the way are made where there is nothing. Errors: invalid_argument, when the way leads
    /// through something else, or past a list's end.
    Result<void> put(boost::json::value& in, boost::json::value what) const;

  private:
    using Part = std::variant<std::string, std::size_t>;
    std::vector<Part> parts_;
};

}  // namespace hearth::model
