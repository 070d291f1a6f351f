#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::s3 {

struct Object {
    std::string key;
    std::uint64_t bytes = 0;
    std::int64_t modified_unix = 0;
    bool operator==(const Object&) const = default;
};

/// One page of ListObjectsV2.
struct Listing {
    std::vector<Object> objects;
    std::string next;  ///< token of the next page; empty: it was the last
};
/// Errors: io (no such document).
Result<Listing> parse_listing(const std::string& xml);

/// Code and message of a store's error document; empty where it is none.
struct Complaint {
    std::string code, message;
};
Complaint parse_complaint(const std::string& xml);

/// `Wed, 12 Oct 2009 17:50:00 GMT` and `2009-10-12T17:50:30.000Z`; 0 for anything else.
std::int64_t parse_http_time(const std::string& text);
std::int64_t parse_iso_time(const std::string& text);

}  // namespace hearth::s3
