#pragma once

#include <string_view>

#include "hearth/kube/access.hpp"

namespace hearth::kube {

/// A URL such as "https://10.0.0.1:6443/prefix" into host, port, tls and path_prefix. Pure. Errors:
/// invalid_argument.
Result<void> set_server(Access& access, std::string_view url);

}  // namespace hearth::kube
