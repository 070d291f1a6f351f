#include "hearth/base/version.hpp"

namespace hearth::base {

std::string_view version() {
    return HEARTH_VERSION;
}

}  // namespace hearth::base
