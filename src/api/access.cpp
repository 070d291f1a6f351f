#include "api/access.hpp"

#include "hearth/model/kinds.hpp"

namespace hearth::api {

Result<void> Access::may_write(model::Kind kind, const model::Metadata& metadata) const {
    const Role least = kind == model::Kind::api_token ? Role::admin : Role::deploy;
    const std::string object =
        std::string(model::table(kind).name) + " " + model::qualified(metadata);
    if (!has(least)) {
        return Error(Errc::forbidden, "writing " + object + " needs the role " +
                                          std::string(to_string(least)) + "; the token " +
                                          who_.name + " has " + std::string(to_string(who_.role)));
    }
    if (!sees(metadata.ns)) {
        return Error(Errc::forbidden, "the token " + who_.name + " is for the namespace " +
                                          who_.ns + " and may not write " + object);
    }
    return {};
}

Result<void> Access::may_make_token(const model::Resource& token) const {
    const auto spec = model::decode_api_token(token);
    if (!spec) return spec.error();
    if (!has(spec->role)) {
        return Error(Errc::forbidden, "a token with the role " + std::string(to_string(who_.role)) +
                                          " cannot make one with the role " +
                                          std::string(to_string(spec->role)));
    }
    if (spec->all_namespaces && !who_.all_namespaces) {
        return Error(Errc::forbidden,
                     "a token of the namespace " + who_.ns + " cannot make one for all namespaces");
    }
    return {};
}

Result<Authorised<std::vector<catalog::Mutation>>> Access::authorise(
    std::vector<catalog::Mutation> mutations) const {
    for (const auto& mutation : mutations) {
        if (auto allowed = may_write(mutation.resource.kind, mutation.resource.metadata);
            allowed.has_error()) {
            return allowed.error();
        }
        const bool makes_token = mutation.resource.kind == model::Kind::api_token &&
                                 mutation.type == catalog::Mutation::Type::put;
        if (!makes_token) continue;
        if (auto allowed = may_make_token(mutation.resource); allowed.has_error())
            return allowed.error();
    }
    return Authorised<std::vector<catalog::Mutation>>(std::move(mutations));
}

Result<Authorised<ArchiveWrite>> Access::authorise_archives(Role least) const {
    if (!has(least)) {
        return Error(Errc::forbidden, "this needs the role " + std::string(to_string(least)) +
                                          "; the token " + who_.name + " has " +
                                          std::string(to_string(who_.role)));
    }
    return Authorised<ArchiveWrite>(ArchiveWrite());
}

}  // namespace hearth::api
