#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "hearth/base/result.hpp"

namespace hearth::model {

/// A stretch of time with one distance to UTC: [begin, end).
struct ZonePeriod {
    std::chrono::sys_seconds begin, end;
    std::chrono::seconds offset;  ///< wall clock minus UTC
};

/// A time zone of the system's tzdata. Thread: any.
class TimeZone {
 public:
    /// Null for UTC, which needs no tzdata. Errors: invalid_argument.
    static Result<std::shared_ptr<const TimeZone>> find(const std::string& name);
    virtual ~TimeZone() = default;
    virtual ZonePeriod at(std::chrono::sys_seconds time) const = 0;
};

}  // namespace hearth::model
