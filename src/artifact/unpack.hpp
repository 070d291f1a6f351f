#pragma once

#include <filesystem>

#include "hearth/artifact/archive_store.hpp"
#include "hearth/base/result.hpp"

namespace hearth::artifact {

/// Unpacks into `folder`, which exists, is empty and belongs to nobody else. Files end as 0444 or
/// 0555, folders below it as 0555. After an error the caller removes the folder with what is in it.
/// Errors: invalid_argument naming the entry; no_space, io.
Result<void> unpack_archive(const std::filesystem::path& packed,
                            const std::filesystem::path& folder, const ArchiveLimits& limits);

/// The same for a package that is no archive: it becomes the file `user`.
Result<void> unpack_plain(const std::filesystem::path& packed, const std::filesystem::path& folder,
                          const ArchiveLimits& limits);

}  // namespace hearth::artifact
