#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hearth/backend/settings_source.hpp"

namespace hearth::executor {

/// Which of the cluster's settings are at hand. Without a source every setting is the catalog's.
/// Thread: any.
class SettingsBook {
 public:
    explicit SettingsBook(backend::SettingsSource* source) : source_(source) {}
    bool used() const { return source_ != nullptr; }
    backend::SettingsSource* source() { return source_; }

    /// Asks for those of `refs` that are not at hand. Errors: as SettingsSource::ready.
    Task<Result<void>> ready(std::vector<backend::SettingsRef> refs, Deadline deadline);
    bool knows(const backend::SettingsRef& ref) const;
    std::optional<model::Resource> find(const backend::SettingsRef& ref) const;

 private:
    backend::SettingsSource* source_;
    mutable std::mutex mutex_;
    std::set<backend::SettingsRef> known_;
};

}  // namespace hearth::executor
