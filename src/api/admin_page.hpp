#pragma once

#include <span>
#include <string_view>

namespace hearth::api {

/// A file of the admin page, as the build made it of src/api/admin (see its README).
struct AdminFile {
    std::string_view name;  ///< below /admin/
    std::string_view media;
    std::string_view etag;  ///< quoted
    std::string_view gzip;  ///< the compressed bytes
    std::size_t bytes = 0;  ///< once unpacked
    bool hashed = false;    ///< the name holds the content's hash
};

/// All of them; the page itself is named index.html. Thread: any.
std::span<const AdminFile> admin_files();

}  // namespace hearth::api
