#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace hearth::s3 {

/// What requests are signed with. A token belongs to temporary keys; empty: none.
struct Credentials {
    std::string key_id;
    std::string secret;
    std::string token;
    bool operator==(const Credentials&) const = default;
};

/// One request as AWS Signature Version 4 sees it.
struct SignedParts {
    std::string method;
    std::string path;                            ///< percent-encoded, with its first slash
    std::map<std::string, std::string> query;    ///< not encoded
    std::map<std::string, std::string> headers;  ///< all that are signed, names in lower case
    std::string payload_sha256;                  ///< lower-case hex
};

/// `20130524T000000Z`, the form of x-amz-date.
std::string amz_time(std::int64_t unix_seconds);

/// RFC 3986's unreserved characters stay; a slash stays unless `slash` asks for its code.
std::string encode(std::string_view text, bool slash);
/// `a=1&b=` with names in order, encoded.
std::string canonical_query(const std::map<std::string, std::string>& query);

/// The Authorization header. `amz_date`: as amz_time() gives it.
std::string authorization(const SignedParts& parts, const Credentials& credentials,
                          std::string_view region, std::string_view amz_date);

}  // namespace hearth::s3
