#include "api/authenticator.hpp"

#include <sodium.h>

#include "hearth/base/ids.hpp"
#include "hearth/base/time_text.hpp"
#include "hearth/http/message.hpp"

namespace hearth::api {
namespace {

constexpr std::size_t kMaxTokenBytes = 512;
constexpr std::size_t kMaxPeers = 10'000;
constexpr auto kWindow = std::chrono::minutes(1);

Principal anonymous_administrator() {
    Principal who;
    who.name = "anonymous";
    who.role = Role::admin;
    who.all_namespaces = true;
    return who;
}

}  // namespace

std::optional<std::string_view> bearer_token(std::string_view header) {
    constexpr std::string_view kScheme = "Bearer";
    if (header.size() <= kScheme.size() || header[kScheme.size()] != ' ') return std::nullopt;
    if (!http::same_name(header.substr(0, kScheme.size()), kScheme)) return std::nullopt;
    header.remove_prefix(kScheme.size());
    while (!header.empty() && header.front() == ' ') header.remove_prefix(1);
    if (header.empty()) return std::nullopt;
    return header;
}

Authenticator::Authenticator(catalog::Catalog& catalog, const base::Clock& clock, bool require_auth)
    : clock_(clock), require_auth_(require_auth) {
    subscription_ =
        catalog.subscribe([this](const std::vector<catalog::Change>& changes) { follow(changes); });
    catalog::ListQuery query;
    query.kind = model::Kind::api_token;
    // Held over the list, so that a change that comes meanwhile is learnt after what the list says.
    std::lock_guard lock(mutex_);
    for (const auto& record : catalog.list(query)) learn(*record);
}

Authenticator::~Authenticator() {
    subscription_.reset();
}

void Authenticator::follow(const std::vector<catalog::Change>& changes) {
    for (const auto& change : changes) {
        if (change.record->kind != model::Kind::api_token) continue;
        std::lock_guard lock(mutex_);
        forget(model::qualified(change.record->metadata));
        if (change.type != catalog::Change::Type::removed) learn(*change.record);
    }
}

void Authenticator::forget(const std::string& qualified) {
    const auto known = digest_of_.find(qualified);
    if (known == digest_of_.end()) return;
    by_digest_.erase(known->second);
    digest_of_.erase(known);
}

void Authenticator::learn(const catalog::Record& record) {
    const auto spec = record.decode(model::decode_api_token);
    // A token that cannot be read lets nobody in.
    if (!spec || spec->sha256.size() != 64) return;
    Token token;
    token.digest = spec->sha256;
    token.principal.name = model::qualified(record.metadata);
    token.principal.role = spec->role;
    token.principal.ns = record.metadata.ns;
    token.principal.all_namespaces = spec->all_namespaces;
    if (!spec->expires.empty()) {
        token.expires = base::parse_rfc3339(spec->expires);
        if (!token.expires) return;
    }
    forget(token.principal.name);
    digest_of_[token.principal.name] = token.digest;
    by_digest_[token.digest] = std::move(token);
}

std::optional<Authenticator::Token> Authenticator::find(const std::string& digest) const {
    std::lock_guard lock(mutex_);
    const auto found = by_digest_.find(digest);
    if (found == by_digest_.end()) return std::nullopt;
    // The table is searched by a hash that nobody can steer; the last word is independent of where
    // texts differ.
    if (sodium_memcmp(found->second.digest.data(), digest.data(), digest.size()) != 0)
        return std::nullopt;
    return found->second;
}

Error Authenticator::refuse(std::string_view peer, std::string message) {
    if (!peer.empty()) {
        std::lock_guard lock(mutex_);
        const auto now = clock_.now();
        if (failures_.size() >= kMaxPeers) {
            std::erase_if(failures_, [now](const auto& item) {
                return now - item.second.window_start >= kWindow;
            });
        }
        if (failures_.size() >= kMaxPeers) failures_.clear();
        auto& failures = failures_[std::string(peer)];
        if (failures.count == 0 || now - failures.window_start >= kWindow) {
            failures.window_start = now;
            failures.count = 0;
        }
        if (++failures.count > kFailuresPerMinute) {
            return Error(Errc::exhausted, "too many wrong tokens from this address; wait a minute",
                         {}, "api");
        }
    }
    return Error(Errc::unauthenticated, std::move(message), {}, "api");
}

Result<Access> Authenticator::authenticate(std::optional<std::string_view> authorization,
                                           std::string_view peer) {
    if (!require_auth_) return Access(anonymous_administrator());
    if (!authorization) {
        return Error(Errc::unauthenticated,
                     "this needs a token: send \"Authorization: Bearer TOKEN\"; the first one "
                     "stands in the data "
                     "folder's run/admin-token",
                     {}, "api");
    }
    const auto text = bearer_token(*authorization);
    if (!text || text->size() > kMaxTokenBytes) {
        return refuse(peer,
                      "the Authorization header does not hold a bearer token: send "
                      "\"Authorization: Bearer TOKEN\"");
    }
    const auto token = find(base::sha256_hex(*text));
    if (!token) return refuse(peer, "the token is not known here; it may have been deleted");
    if (token->expires && clock_.wall() >= *token->expires)
        return refuse(peer, "the token has expired; make a new one");
    return Access(token->principal);
}

Result<Access> Authenticator::of_digest(const std::string& digest) const {
    const auto token = find(digest);
    if (!token || (token->expires && clock_.wall() >= *token->expires)) {
        return Error(Errc::unauthenticated,
                     "the token of this session was deleted or has expired; log in with another",
                     {}, "api");
    }
    return Access(token->principal);
}

}  // namespace hearth::api
