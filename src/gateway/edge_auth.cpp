#include "gateway/edge_auth.hpp"

#include <sodium.h>

#include <charconv>

#include <fmt/format.h>

namespace hearth::gateway {

struct EdgeKeys::HmacState {
    crypto_auth_hmacsha256_state state;
    ~HmacState() { sodium_memzero(&state, sizeof(state)); }
};

namespace {

constexpr std::string_view kComponent = "gateway";

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string_view without_line_end(std::string_view value) {
    if (value.ends_with('\n')) value.remove_suffix(1);
    if (value.ends_with('\r')) value.remove_suffix(1);
    return value;
}

Error missing(const EdgeSecret& secret) {
    return Error(Errc::unavailable,
                 fmt::format("The route asks for credentials from Secret {}, which does not exist",
                             secret.qualified()),
                 {}, std::string(kComponent));
}

Error unauthenticated(std::string message) {
    return Error(Errc::unauthenticated, std::move(message), {}, std::string(kComponent));
}

/// What a header says of a signature: the time that is signed with the body, and signatures of
/// which one must fit (a sender that changes its key signs with both for a while).
struct Signature {
    std::string_view time;
    std::vector<std::string_view> candidates;
};

/// "t=1492774577,v1=HEX,v1=HEX"
Signature stripe_signature(std::string_view header) {
    constexpr std::size_t kMost = 8;
    Signature signature;
    while (!header.empty() && signature.candidates.size() < kMost) {
        const auto comma = header.find(',');
        auto item = header.substr(0, comma);
        while (item.starts_with(' ')) item.remove_prefix(1);
        if (item.starts_with("t=")) {
            signature.time = item.substr(2);
        } else {
            signature.candidates.push_back(item);
        }
        if (comma == std::string_view::npos) break;
        header.remove_prefix(comma + 1);
    }
    return signature;
}

Signature slack_signature(const http::RequestHead& head, std::string_view header) {
    return Signature{head.headers.find("X-Slack-Request-Timestamp").value_or(""), {header}};
}

/// `text`: seconds since 1970.
Result<void> check_time(std::string_view text, const model::RouteAuth::Hmac& hmac,
                        base::WallTime now) {
    std::int64_t seconds = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    constexpr std::int64_t kLatest = 1LL << 40;
    if (ec != std::errc() || end != text.data() + text.size() || seconds < 0 || seconds > kLatest)
        return unauthenticated("The signed time is missing or no number of seconds");
    const auto off = now - base::WallTime(std::chrono::seconds(seconds));
    if (off > hmac.tolerance || off < -hmac.tolerance)
        return unauthenticated(fmt::format(
            "The signed time is more than {} s from now: a replay, or a clock that is wrong",
            std::chrono::duration_cast<std::chrono::seconds>(hmac.tolerance).count()));
    return {};
}

}  // namespace

EdgeKeys::EdgeKeys(const std::map<std::string, std::string>& data) {
    randombytes_buf(salt_.data(), salt_.size());
    for (const auto& [key, value] : data) {
        const auto text = without_line_end(value);
        // An empty value is a secret nobody filled in, not a key that admits everybody who sends
        // nothing.
        if (text.empty()) continue;
        hashes_.push_back(hash(text));
        auto hmac = std::make_unique<HmacState>();
        crypto_auth_hmacsha256_init(&hmac->state, bytes_of(text), text.size());
        hmac_.emplace(key, std::move(hmac));
    }
}

EdgeKeys::~EdgeKeys() = default;

EdgeKeys::Hash EdgeKeys::hash(std::string_view text) const {
    Hash out;
    crypto_generichash(out.data(), out.size(), bytes_of(text), text.size(), salt_.data(),
                       salt_.size());
    return out;
}

bool EdgeKeys::accepts(std::string_view presented) const {
    const auto mine = hash(presented);
    int accepted = 0;
    for (const auto& one : hashes_)
        accepted |= sodium_memcmp(one.data(), mine.data(), mine.size()) == 0 ? 1 : 0;
    return accepted != 0;
}

bool EdgeKeys::signed_by(const std::string& key, std::initializer_list<std::string_view> parts,
                         std::string_view hex) const {
    const auto found = hmac_.find(key);
    if (found == hmac_.end()) return false;
    std::array<unsigned char, crypto_auth_hmacsha256_BYTES> given, made;
    if (hex.size() != given.size() * 2) return false;
    std::size_t length = 0;
    const char* end = nullptr;
    if (sodium_hex2bin(given.data(), given.size(), hex.data(), hex.size(), nullptr, &length,
                       &end) != 0 ||
        length != given.size() || end != hex.data() + hex.size()) {
        return false;
    }
    auto state = found->second->state;
    for (const auto part : parts)
        crypto_auth_hmacsha256_update(&state, bytes_of(part), part.size());
    crypto_auth_hmacsha256_final(&state, made.data());
    sodium_memzero(&state, sizeof(state));
    return sodium_memcmp(given.data(), made.data(), made.size()) == 0;
}

std::shared_ptr<const EdgeKeys> EdgeSecret::keys(const catalog::Catalog& catalog) {
    if (!ready_.load(std::memory_order_acquire)) {
        const auto record = catalog.find(model::Kind::secret, ns_, name_);
        update(record, record ? record->metadata.revision : 0);
    }
    return keys_.load(std::memory_order_acquire);
}

void EdgeSecret::update(const catalog::RecordPtr& record, std::int64_t revision) {
    std::shared_ptr<const EdgeKeys> keys;
    if (record) {
        if (const auto data = record->decode(model::decode_data))
            keys = std::make_shared<EdgeKeys>(*data);
    }
    std::lock_guard lock(mutex_);
    // What a request read from the catalog must not replace what the change feed brought since.
    if (revision < revision_) return;
    revision_ = revision;
    keys_.store(std::move(keys), std::memory_order_release);
    ready_.store(true, std::memory_order_release);
}

std::optional<std::string_view> presented_key(const http::RequestHead& head) {
    if (const auto key = head.headers.find("X-API-Key")) return key;
    const auto authorization = head.headers.find("Authorization");
    constexpr std::string_view kBearer = "Bearer ";
    if (!authorization || authorization->size() <= kBearer.size()) return std::nullopt;
    if (!http::same_name(authorization->substr(0, kBearer.size()), kBearer)) return std::nullopt;
    auto key = authorization->substr(kBearer.size());
    while (key.starts_with(' ')) key.remove_prefix(1);
    return key;
}

Result<void> check_api_key(EdgeSecret& secret, const catalog::Catalog& catalog,
                           const http::RequestHead& head) {
    const auto keys = secret.keys(catalog);
    if (!keys) return missing(secret);
    const auto key = presented_key(head);
    if (!key) {
        return unauthenticated(
            "This route needs an API key: send X-API-Key: KEY or Authorization: Bearer KEY");
    }
    if (!keys->accepts(*key)) return unauthenticated("The API key is not one this route accepts");
    return {};
}

Result<void> check_signature(const EdgeAuth& auth, const catalog::Catalog& catalog,
                             const http::RequestHead& head, std::string_view body,
                             base::WallTime now) {
    const auto& hmac = *auth.hmac;
    const auto keys = auth.hmac_keys->keys(catalog);
    if (!keys) return missing(*auth.hmac_keys);
    if (!keys->has_key(hmac.key)) {
        return Error(
            Errc::unavailable,
            fmt::format("The route's signing key is \"{}\" of Secret {}, which holds no such value",
                        hmac.key, auth.hmac_keys->qualified()),
            {}, std::string(kComponent));
    }
    const auto value = head.headers.find(hmac.header);
    if (!value) {
        return unauthenticated(fmt::format("This route needs a signed body: send {}: {}HMAC-SHA256",
                                           hmac.header, hmac.prefix));
    }
    using Scheme = model::RouteAuth::Hmac::Scheme;
    const auto signature = hmac.scheme == Scheme::stripe  ? stripe_signature(*value)
                           : hmac.scheme == Scheme::slack ? slack_signature(head, *value)
                                                          : Signature{{}, {*value}};
    if (hmac.scheme != Scheme::plain) {
        if (auto timely = check_time(signature.time, hmac, now); timely.has_error()) return timely;
    }
    for (const auto candidate : signature.candidates) {
        if (!candidate.starts_with(hmac.prefix)) continue;
        const auto hex = candidate.substr(hmac.prefix.size());
        const bool good = hmac.scheme == Scheme::stripe
                              ? keys->signed_by(hmac.key, {signature.time, ".", body}, hex)
                          : hmac.scheme == Scheme::slack
                              ? keys->signed_by(hmac.key, {"v0:", signature.time, ":", body}, hex)
                              : keys->signed_by(hmac.key, {body}, hex);
        if (good) return {};
    }
    return unauthenticated(fmt::format("The signature in {} does not fit the body", hmac.header));
}

}  // namespace hearth::gateway
