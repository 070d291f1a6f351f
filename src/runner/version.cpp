#include "runner/version.hpp"

namespace hearth::runner {

const char* version() {
    return HEARTH_VERSION;
}

}  // namespace hearth::runner
