#pragma once

#include "hearth/base/json_view.hpp"

namespace hearth::model {

/// What decoders and rules read of a spec; they look at texts, and copy those that they keep.
using base::bool_at;
using base::integer_at;
using base::list_at;
using base::object_at;
using base::strings_at;
using base::texts_at;
using base::value_at;

inline std::string_view text_at(const boost::json::object& object, std::string_view path) {
    return base::text_view_at(object, path);
}

}  // namespace hearth::model
