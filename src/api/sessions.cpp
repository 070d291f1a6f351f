#include "api/sessions.hpp"

#include <algorithm>
#include <vector>

#include "hearth/base/ids.hpp"

namespace hearth::api {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kMostIdBytes = 256;

}  // namespace

void Sessions::make_room(const std::string& token_digest) {
    const auto now = clock_.wall();
    std::erase_if(by_digest_, [now](const auto& item) { return item.second.expires <= now; });
    auto oldest = by_digest_.end();
    std::size_t count = 0;
    for (auto at = by_digest_.begin(); at != by_digest_.end(); ++at) {
        if (at->second.token_digest != token_digest) continue;
        ++count;
        if (oldest == by_digest_.end() || at->second.expires < oldest->second.expires) oldest = at;
    }
    if (count >= kMostOfToken) by_digest_.erase(oldest);
}

std::optional<Sessions::Opened> Sessions::open(const std::string& token_digest) {
    Opened made;
    made.id = base::random_hex(kSecretBytes);
    made.session.token_digest = token_digest;
    made.session.csrf = base::random_hex(kSecretBytes);
    made.session.expires = clock_.wall() + kLifetime;
    std::lock_guard lock(mutex_);
    make_room(token_digest);
    if (by_digest_.size() >= kMost) return std::nullopt;
    by_digest_.emplace(base::sha256_hex(made.id), made.session);
    return made;
}

std::optional<Sessions::Session> Sessions::find(std::string_view id) const {
    if (id.size() > kMostIdBytes) return std::nullopt;
    const auto digest = base::sha256_hex(id);
    std::lock_guard lock(mutex_);
    const auto found = by_digest_.find(digest);
    if (found == by_digest_.end() || found->second.expires <= clock_.wall()) return std::nullopt;
    return found->second;
}

void Sessions::close(std::string_view id) {
    const auto digest = base::sha256_hex(id);
    std::lock_guard lock(mutex_);
    if (const auto found = by_digest_.find(digest); found != by_digest_.end())
        by_digest_.erase(found);
}

std::size_t Sessions::size() const {
    std::lock_guard lock(mutex_);
    return by_digest_.size();
}

}  // namespace hearth::api
