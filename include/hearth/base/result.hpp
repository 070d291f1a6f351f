#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include "hearth/base/error.hpp"

namespace hearth::base {

/// Found by boost::system::result when value() meets an error: a bug of the caller, so it throws std::logic_error.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

/// A value or an expected failure. `co_return T{...}`, never `co_return {...}` (g++ 12.2 refuses it).
template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace hearth::base

namespace hearth {
using base::Result;
}  // namespace hearth
