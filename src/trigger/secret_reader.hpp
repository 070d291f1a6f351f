#pragma once

#include <map>
#include <string>

#include "hearth/aio/shards.hpp"
#include "hearth/backend/settings_source.hpp"
#include "hearth/catalog/catalog.hpp"

namespace hearth::trigger {

/// Secrets of the catalog, or else of the cluster. Thread: any that is no shard; blocks for
/// seconds.
class SecretReader {
 public:
    /// `settings` may be null.
    SecretReader(catalog::Catalog& catalog, backend::SettingsSource* settings, aio::Shards& shards)
        : catalog_(catalog), settings_(settings), shards_(shards) {}
    /// The values by key. Errors: not_found, unavailable.
    Result<std::map<std::string, std::string>> read(const std::string& ns,
                                                    const std::string& name) const;

 private:
    Result<model::Resource> find(const std::string& ns, const std::string& name) const;

    catalog::Catalog& catalog_;
    backend::SettingsSource* settings_;
    aio::Shards& shards_;
};

}  // namespace hearth::trigger
