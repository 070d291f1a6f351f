#pragma once

#include <memory>
#include <string>

#include "hearth/aio/shards.hpp"
#include "hearth/backend/settings_source.hpp"
#include "hearth/kube/client.hpp"
#include "hearth/telemetry/log.hpp"

namespace hearth::backend {

/// Secrets and ConfigMaps read from the cluster by name (never listed): one get and one watch of
/// each, with the verbs `get` and `watch` alone. `fixed_namespace`: where they lie whatever the
/// function's namespace; empty: in the one of that name. `client` and `shards` outlive it; destroy
/// it from a thread that is no shard.
std::unique_ptr<SettingsSource> make_cluster_settings(std::string fixed_namespace,
                                                      kube::Client& client, aio::Shards& shards,
                                                      telemetry::Logger& log);

}  // namespace hearth::backend
