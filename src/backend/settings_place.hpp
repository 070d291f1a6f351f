#pragma once

#include <filesystem>
#include <string>

#include "hearth/base/unique_fd.hpp"

namespace hearth::backend {

/// A folder in memory for the instances' secrets and config maps: they never lie on a disk, and a
/// file costs a tenth of one there. Move-only value; whoever holds it holds its lock.
struct SettingsPlace {
    std::filesystem::path folder;  ///< empty: there is none, see `obstacle`
    base::UniqueFd lock;           ///< free once its daemon has ended, however that was
    std::string obstacle;
};

/// Makes one below `memory` and removes those of daemons that have ended. Blocks.
SettingsPlace make_settings_place(const std::filesystem::path& memory = "/dev/shm");

/// Removes it with everything in it; nothing when there is none.
void remove_settings_place(const std::filesystem::path& folder);

}  // namespace hearth::backend
