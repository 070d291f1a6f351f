#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/plan.hpp"
#include "hearth/artifact/archive_store.hpp"

namespace hearth::api {

/// The members of a package's spec that hold archives.
inline constexpr std::string_view kArchiveFields[] = {"deployment", "source"};

/// Bytes that belong into the archive store before the package that names them is written.
struct PackedArchive {
    std::string digest;
    std::string bytes;
};

/// Turns literal and files archives of a package into archive:// ones, as they are stored, and
/// gives their bytes to `packed`; http(s) ones stay for fetch_archives(). Faults: addresses that
/// cannot be read. Pure.
std::vector<model::Fault> pack_archives(Wanted& package, std::vector<PackedArchive>& packed);

/// Whether an archive's address is one to fetch from.
bool is_web_address(std::string_view url);

/// The digest that an archive of a stored package ("deployment" or "source") names.
std::optional<std::string> archive_digest(const boost::json::object& spec, std::string_view which);
/// Digests of both archives of all packages; `ns` empty: of all namespaces.
std::vector<std::string> named_archives(const catalog::Catalog& catalog, const std::string& ns);
/// The packages that name an archive; `ns` empty: of all namespaces.
std::vector<ObjectKey> packages_naming(const catalog::Catalog& catalog, const std::string& ns,
                                       const std::string& digest);
using artifact::is_digest;

}  // namespace hearth::api
