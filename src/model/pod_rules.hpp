#pragma once

#include <functional>
#include <string>

#include "model/pod_merge.hpp"

namespace hearth::model {

/// What the rows cannot say, of the merged object: names that must be unique or known, members of
/// which exactly one is given, requests above limits. `fault` gets path and message.
void check_pod_rules(const MergedPod& merged, bool main_needs_image,
                     const std::function<void(const std::string&, std::string)>& fault);

}  // namespace hearth::model
