#pragma once

#include <boost/json/object.hpp>

#include <filesystem>
#include <map>
#include <string>

#include "cli/client.hpp"

namespace hearth::cli {

/// Path within the archive → file on disk.
using FileSet = std::map<std::string, std::filesystem::path>;

/// The `deployment` of a Package that holds `files`: small text as `files`, so that the code stays
/// readable; a single file that must stay one (`single`) as `literal`; what is large or binary as a
/// tar.gz with bytes that depend on the contents alone, uploaded first. Errors: io, not_found, and
/// what the upload meets.
Result<boost::json::object> pack(const FileSet& files, bool single, Client& client);

/// Every file of a folder by its path in it. Errors: invalid_argument when there is none.
Result<FileSet> folder_files(const std::filesystem::path& folder);

}  // namespace hearth::cli
