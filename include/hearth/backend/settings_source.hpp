#pragma once

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/base/result.hpp"
#include "hearth/model/resource.hpp"

namespace hearth::backend {

/// Names one Secret or ConfigMap that lives where the instances do.
struct SettingsRef {
    model::Kind kind = model::Kind::secret;
    std::string ns, name;
    auto operator<=>(const SettingsRef&) const = default;
};

/// Secrets and ConfigMaps of the cluster, behind those of the catalog. Each is read once when somebody first names it
/// and again only when it changes. Thread: any.
class SettingsSource {
  public:
    virtual ~SettingsSource() = default;
    /// Returns when each of `refs` is known: what it holds, or that it does not exist; from then on it is followed.
    /// One that does not exist is no error. Errors: unavailable (the cluster cannot be asked, or refuses; message why),
    /// deadline_exceeded, cancelled.
    virtual Task<Result<void>> ready(std::vector<SettingsRef> refs, Deadline deadline) = 0;
    /// Without waiting. Empty for what does not exist and for what nobody waited for with ready().
    virtual std::optional<model::Resource> find(model::Kind kind, const std::string& ns, const std::string& name) const = 0;
    /// Called for each followed object that was changed, made or deleted, after find() tells it; on the source's own
    /// thread, must not block. Set once, before the first ready().
    virtual void on_change(std::function<void(const std::vector<SettingsRef>&)> listener) = 0;
};

}  // namespace hearth::backend
