#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "api/access.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/catalog/catalog.hpp"

namespace hearth::api {

/// Who a bearer token belongs to. Follows the catalog, so a deleted token is refused as soon as the
/// delete returns. Thread: any.
class Authenticator {
 public:
    /// `require_auth` false lets everyone in as an administrator.
    Authenticator(catalog::Catalog& catalog, const base::Clock& clock, bool require_auth);
    ~Authenticator();
    Authenticator(const Authenticator&) = delete;
    Authenticator& operator=(const Authenticator&) = delete;

    /// `authorization` is the header's value, absent when there is none. `peer` is the client's
    /// address: past kFailuresPerMinute wrong tokens from one address the answer is exhausted
    /// (429); a right token always passes. Errors: unauthenticated, exhausted.
    Result<Access> authenticate(std::optional<std::string_view> authorization,
                                std::string_view peer);

    /// Whoever has shown the token of this digest before. Errors: unauthenticated once it is
    /// deleted or has expired.
    Result<Access> of_digest(const std::string& digest) const;

    static constexpr int kFailuresPerMinute = 30;

 private:
    struct Token {
        std::string digest;
        Principal principal;
        std::optional<base::WallTime> expires;
    };
    struct Failures {
        base::SteadyTime window_start;
        int count = 0;
    };

    void follow(const std::vector<catalog::Change>& changes);
    void learn(const catalog::Record& record);
    void forget(const std::string& qualified);
    std::optional<Token> find(const std::string& digest) const;
    Error refuse(std::string_view peer, std::string message);

    const base::Clock& clock_;
    bool require_auth_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Token> by_digest_;
    std::map<std::string, std::string> digest_of_;  ///< qualified name → digest
    std::unordered_map<std::string, Failures> failures_;
    catalog::Catalog::Subscription subscription_;
};

/// The token of an Authorization header's value, or nothing when it holds none.
std::optional<std::string_view> bearer_token(std::string_view header);

}  // namespace hearth::api
