#include "s3/signature.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <ctime>

#include "hearth/base/ids.hpp"

namespace hearth::s3 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string hmac(std::string_view key, std::string_view text) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &length);
    return {reinterpret_cast<const char*>(out), length};
}

bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

std::string signed_names(const SignedParts& parts) {
    std::string names;
    for (const auto& [name, value] : parts.headers) names += (names.empty() ? "" : ";") + name;
    return names;
}

std::string canonical_request(const SignedParts& parts) {
    std::string headers;
    for (const auto& [name, value] : parts.headers) headers += fmt::format("{}:{}\n", name, value);
    return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", parts.method, parts.path,
                       canonical_query(parts.query), headers, signed_names(parts),
                       parts.payload_sha256);
}

}  // namespace

std::string amz_time(std::int64_t unix_seconds) {
    const std::time_t time = unix_seconds;
    std::tm parts{};
    gmtime_r(&time, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

std::string encode(std::string_view text, bool slash) {
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c) || (c == '/' && !slash))
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

std::string canonical_query(const std::map<std::string, std::string>& query) {
    // In the order of the encoded names, which is not always that of the names themselves.
    std::map<std::string, std::string> encoded;
    for (const auto& [name, value] : query) encoded[encode(name, true)] = encode(value, true);
    std::string out;
    for (const auto& [name, value] : encoded)
        out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
    return out;
}

std::string authorization(const SignedParts& parts, const Credentials& credentials,
                          std::string_view region, std::string_view amz_date) {
    const auto day = amz_date.substr(0, 8);
    const auto scope = fmt::format("{}/{}/s3/aws4_request", day, region);
    const auto to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, amz_date, scope,
                                     base::sha256_hex(canonical_request(parts)));
    std::string key = hmac("AWS4" + credentials.secret, day);
    for (const std::string_view step :
         {region, std::string_view("s3"), std::string_view("aws4_request")})
        key = hmac(key, step);
    const auto raw = hmac(key, to_sign);
    const auto signature =
        base::to_hex({reinterpret_cast<const unsigned char*>(raw.data()), raw.size()});
    return fmt::format("{} Credential={}/{},SignedHeaders={},Signature={}", kAlgorithm,
                       credentials.key_id, scope, signed_names(parts), signature);
}

}  // namespace hearth::s3
