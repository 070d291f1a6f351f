#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/clock.hpp"

namespace hearth::api {

/// Sessions of the admin page: who has shown a token gets a cookie in its place, for kLifetime. A
/// session holds the token's digest and nothing else of it, so its rights are the token's own at
/// each request, and they end with it. In memory only: a restart of the daemon ends all. Thread:
/// any.
class Sessions {
 public:
    struct Session {
        std::string token_digest;
        std::string csrf;  ///< what writes must show besides the cookie
        base::WallTime expires;
    };
    struct Opened {
        std::string id;  ///< the cookie's value; kept here as a digest only
        Session session;
    };

    explicit Sessions(const base::Clock& clock) : clock_(clock) {}
    /// Past kMostOfToken the token's oldest session ends. Nothing when kMost are open.
    std::optional<Opened> open(const std::string& token_digest);
    std::optional<Session> find(std::string_view id) const;
    void close(std::string_view id);
    std::size_t size() const;

    static constexpr std::chrono::hours kLifetime{12};
    static constexpr std::size_t kMostOfToken = 32;
    static constexpr std::size_t kMost = 4096;

 private:
    void make_room(const std::string& token_digest);

    const base::Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::string, Session, std::less<>> by_digest_;
};

}  // namespace hearth::api
