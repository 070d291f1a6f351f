#include "backend/kube_secrets.hpp"

#include "hearth/base/ids.hpp"

namespace hearth::backend {
namespace {

constexpr std::size_t kTokenBytes = 32;

}  // namespace

Task<Result<std::string>> Secrets::token(std::string ns, Deadline deadline) {
    if (auto known = known_token(ns); !known.empty()) co_return known;
    auto object = factory_.token_secret(ns, base::random_hex(kTokenBytes));
    // Two starts at once make the same choice: the second one reads what the first one made.
    auto kept = co_await cluster_.keep_secret(std::move(object), deadline);
    if (!kept) co_return kept.error();
    const auto it = kept->find("token");
    if (it == kept->end() || it->second.size() < kTokenBytes)
        co_return Error(
            Errc::internal,
            "the Secret " + ns + "/" + std::string(kTokenSecret) +
                " holds no token of at least 32 bytes under the key \"token\"; delete it "
                "together with the pods that use it, and a new one is made",
            {}, "kubernetes");
    std::lock_guard lock(mutex_);
    tokens_[ns] = it->second;
    co_return it->second;
}

std::string Secrets::known_token(const std::string& ns) const {
    std::lock_guard lock(mutex_);
    const auto it = tokens_.find(ns);
    return it == tokens_.end() ? std::string() : it->second;
}

Task<Result<void>> Secrets::keep_variables(const Runtime& runtime, Deadline deadline) {
    const auto name = factory_.variables_name(runtime);
    if (name.empty()) co_return Result<void>();
    const auto hash = runtime.hash;
    const auto ns = factory_.namespace_of(runtime);
    {
        std::lock_guard lock(mutex_);
        if (variables_.contains(hash)) co_return Result<void>();
    }
    // Named by the runtime's hash, which changes with any variable: one that is there is right.
    auto object = factory_.variables(runtime);
    auto kept = co_await cluster_.keep_secret(std::move(object), deadline);
    if (!kept) co_return kept.error();
    std::lock_guard lock(mutex_);
    variables_[hash] = {ns, name};
    co_return Result<void>();
}

void Secrets::note_variables(const std::string& runtime_hash, const std::string& ns,
                             const std::string& name) {
    std::lock_guard lock(mutex_);
    variables_.emplace(runtime_hash, std::pair(ns, name));
}

Task<Result<void>> Secrets::drop_variables(std::string runtime_hash, Deadline deadline) {
    std::pair<std::string, std::string> place;
    {
        std::lock_guard lock(mutex_);
        const auto it = variables_.find(runtime_hash);
        if (it == variables_.end()) co_return Result<void>();
        place = it->second;
        variables_.erase(it);
    }
    co_return co_await cluster_.remove(ClusterKind::secret, place.first, place.second, deadline);
}

}  // namespace hearth::backend
