#pragma once

#include <boost/system/result.hpp>
#include <catch2/catch.hpp>

#include "hearth/base/error.hpp"

namespace Catch {

/// A Result shows its error; its value's type need not be printable.
template <class T>
struct StringMaker<boost::system::result<T, hearth::Error>> {
    static std::string convert(const boost::system::result<T, hearth::Error>& result) {
        if (!result.has_error()) return "a value";
        return std::string(hearth::base::to_string(result.error().code)) + ": " +
               result.error().message;
    }
};

}  // namespace Catch
