#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <string>

#include "hearth/base/error.hpp"

namespace hearth::artifact {

struct WriterEnd {
    void operator()(struct archive* handle) const { archive_write_free(handle); }
};
struct EntryEnd {
    void operator()(struct archive_entry* entry) const { archive_entry_free(entry); }
};

/// Why libarchive could not write. `code`: io where a disk is in it, else internal.
inline Error packing_failed(struct archive* handle, Errc code) {
    const char* why = archive_error_string(handle);
    return Error(code, std::string("packing failed: ") + (why == nullptr ? "no reason given" : why),
                 {}, "artifact");
}

}  // namespace hearth::artifact
