#pragma once

#include <boost/json/array.hpp>

#include "hearth/model/resource.hpp"

namespace hearth::api {

/// What a write changes, field by field: [{"path", "from", "to"}], null for a side that has no such
/// field. Values of Secrets are hidden. Pure.
boost::json::array diff(const model::Resource& before, const model::Resource& after);

/// True when the specs, labels and annotations are equal.
bool same_content(const model::Resource& a, const model::Resource& b);
bool same_spec(const model::Resource& a, const model::Resource& b);

/// RFC 7396: `patch` laid over `target`.
void merge_patch(boost::json::value& target, const boost::json::value& patch);

}  // namespace hearth::api
