#pragma once

#include <boost/json/object.hpp>

#include <string_view>

namespace hearth::backend {

/// Whether a server of this version ("v1.29.0") knows sidecars, which are init containers with
/// restartPolicy Always. An older one drops the policy without a word and waits for ever for them
/// to end.
bool knows_sidecars(std::string_view version);
bool has_sidecars(const boost::json::object& pod_spec);
/// Makes ordinary containers of them: they start with the others, not before.
void make_sidecars_plain(boost::json::object& pod_spec);

}  // namespace hearth::backend
