#include "executor/settings_book.hpp"

namespace hearth::executor {

Task<Result<void>> SettingsBook::ready(std::vector<backend::SettingsRef> refs, Deadline deadline) {
    if (source_ == nullptr) co_return Result<void>();
    {
        std::lock_guard lock(mutex_);
        std::erase_if(refs, [this](const auto& ref) { return known_.count(ref) != 0; });
    }
    if (refs.empty()) co_return Result<void>();
    auto asked = refs;
    auto done = co_await source_->ready(std::move(asked), deadline);
    if (done.has_error()) {
        Error error = done.error();
        error.message =
            "the Secrets and ConfigMaps of the cluster that the function names cannot "
            "be had: " +
            error.message;
        if (error.component.empty()) error.component = "kubernetes";
        co_return error;
    }
    std::lock_guard lock(mutex_);
    known_.insert(refs.begin(), refs.end());
    co_return Result<void>();
}

bool SettingsBook::knows(const backend::SettingsRef& ref) const {
    std::lock_guard lock(mutex_);
    return known_.count(ref) != 0;
}

std::optional<model::Resource> SettingsBook::find(const backend::SettingsRef& ref) const {
    if (source_ == nullptr) return std::nullopt;
    return source_->find(ref.kind, ref.ns, ref.name);
}

}  // namespace hearth::executor
