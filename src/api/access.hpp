#pragma once

#include <string>
#include <utility>
#include <vector>

#include "api/operations.hpp"
#include "hearth/catalog/catalog.hpp"

namespace hearth::api {

/// Who asks, as far as the API knows.
struct Principal {
    std::string name;  ///< "namespace/token", or "anonymous" where no token is asked for
    Role role = Role::view;
    std::string ns;  ///< the only namespace, unless `all_namespaces`
    bool all_namespaces = false;
};

/// A value that has passed the check of who may write it. Only Access makes one, so a handler that
/// writes cannot leave the check out: the functions that write take nothing else.
template <class T>
class Authorised {
 public:
    const T& value() const& { return value_; }
    T&& take() && { return std::move(value_); }

 private:
    friend class Access;
    explicit Authorised(T value) : value_(std::move(value)) {}
    T value_;
};

/// Stands for a change of the archive store, which has no namespaces.
struct ArchiveWrite {};

/// What one request may do. Value type. Thread: any.
class Access {
 public:
    Access() = default;
    explicit Access(Principal who) : who_(std::move(who)) {}
    const Principal& who() const { return who_; }
    bool has(Role least) const { return static_cast<int>(who_.role) >= static_cast<int>(least); }
    bool sees(std::string_view ns) const { return who_.all_namespaces || who_.ns == ns; }
    /// The namespace lists are narrowed to; empty: all.
    std::string scope() const { return who_.all_namespaces ? std::string() : who_.ns; }

    /// Errors: forbidden, naming the object and what is missing.
    Result<Authorised<std::vector<catalog::Mutation>>> authorise(
        std::vector<catalog::Mutation> mutations) const;
    Result<Authorised<ArchiveWrite>> authorise_archives(Role least) const;
    /// Whether `resource` may be written; the same check, for a message before anything is done.
    Result<void> may_write(model::Kind kind, const model::Metadata& metadata) const;

 private:
    Result<void> may_make_token(const model::Resource& token) const;
    Principal who_;
};

}  // namespace hearth::api
