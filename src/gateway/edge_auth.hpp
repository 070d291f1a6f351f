#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/http/message.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::gateway {

/// A secret's values in the form edge checks need them: keyed hashes for API keys, HMAC states for
/// signatures. The values themselves are not kept. Immutable. Thread: any.
class EdgeKeys {
 public:
    /// A final line end of a value does not count: files bring one along and no header can carry
    /// it.
    explicit EdgeKeys(const std::map<std::string, std::string>& data);
    ~EdgeKeys();
    EdgeKeys(const EdgeKeys&) = delete;
    EdgeKeys& operator=(const EdgeKeys&) = delete;

    /// Whether `presented` is one of the values. Takes the same time whichever and however much of
    /// it fits.
    bool accepts(std::string_view presented) const;
    bool has_key(const std::string& key) const { return hmac_.contains(key); }
    /// Whether `hex` is the HMAC-SHA256 of `parts`, one after the other, under the value of `key`
    /// (RFC 2104).
    bool signed_by(const std::string& key, std::initializer_list<std::string_view> parts,
                   std::string_view hex) const;

 private:
    static constexpr std::size_t kHashBytes = 32;
    using Hash = std::array<unsigned char, kHashBytes>;
    Hash hash(std::string_view text) const;

    Hash salt_;
    std::vector<Hash> hashes_;
    struct HmacState;
    std::map<std::string, std::unique_ptr<HmacState>> hmac_;
};

/// The present EdgeKeys of one Secret, which routes keep by pointer across the secret's changes.
/// Thread: any.
class EdgeSecret {
 public:
    EdgeSecret(std::string ns, std::string name) : ns_(std::move(ns)), name_(std::move(name)) {}
    /// Null when there is no such Secret. Reads the catalog at the first call only.
    std::shared_ptr<const EdgeKeys> keys(const catalog::Catalog& catalog);
    /// Takes a later state of the secret; null: it was removed at `revision`.
    void update(const catalog::RecordPtr& record, std::int64_t revision);
    std::string qualified() const { return ns_ + "/" + name_; }

 private:
    std::string ns_, name_;
    std::mutex mutex_;  ///< of writers; readers go by ready_
    std::int64_t revision_ = -1;
    std::atomic<bool> ready_{false};
    std::atomic<std::shared_ptr<const EdgeKeys>> keys_;
};

/// What one route asks of a caller; all that is set must be satisfied.
struct EdgeAuth {
    std::shared_ptr<EdgeSecret> api_keys;
    std::optional<model::RouteAuth::Hmac> hmac;
    std::shared_ptr<EdgeSecret> hmac_keys;
};

/// The API key a request shows: X-API-Key, else Authorization: Bearer.
std::optional<std::string_view> presented_key(const http::RequestHead& head);

/// Errors: unauthenticated (no key, wrong key), unavailable (the Secret is missing; fails closed).
Result<void> check_api_key(EdgeSecret& secret, const catalog::Catalog& catalog,
                           const http::RequestHead& head);
/// A signed time that is further from `now` than the tolerance is a replay. Errors as above.
Result<void> check_signature(const EdgeAuth& auth, const catalog::Catalog& catalog,
                             const http::RequestHead& head, std::string_view body,
                             base::WallTime now);

}  // namespace hearth::gateway
