#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <set>
#include <vector>

#include "artifact/disk.hpp"
#include "artifact/entry_path.hpp"
#include "artifact/reader.hpp"
#include "artifact/writer_handles.hpp"
#include "hearth/artifact/archive_store.hpp"

namespace hearth::artifact {
namespace {

Error refused(std::string message) {
    return Error(Errc::invalid_argument, std::move(message), {}, "artifact");
}

/// The files under normalised names. A name may not stand for a file and a folder at once.
Result<std::map<std::string, const std::string*>> checked(
    const std::map<std::string, std::string>& files) {
    std::map<std::string, const std::string*> out;
    std::set<std::string> folders;
    const ArchiveLimits limits;
    for (const auto& [name, text] : files) {
        auto parts = entry_path(name, limits);
        if (!parts) return parts.error();
        if (parts->empty() || name.ends_with('/')) {
            return refused("entry " + shown(name) + " names no file");
        }
        std::string path;
        for (std::size_t i = 0; i < parts->size(); ++i) {
            if (i > 0) {
                folders.insert(path);
                path += '/';
            }
            path += (*parts)[i];
        }
        if (!out.emplace(path, &text).second) {
            return refused("entry " + shown(name) + " is there twice");
        }
    }
    for (const auto& [path, text] : out) {
        if (folders.contains(path)) {
            return refused("entry " + shown(path) + " is a file and a folder at once");
        }
    }
    if (out.empty()) return refused("the package has no files");
    return out;
}

la_ssize_t append(struct archive*, void* out, const void* bytes, size_t count) {
    static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), count);
    return static_cast<la_ssize_t>(count);
}

enum class PackForm { zip, tar };

Result<std::string> packed(const std::map<std::string, std::string>& files, PackForm form,
                           const std::set<std::string>& programs = {}) {
    auto contents = checked(files);
    if (!contents) return contents.error();
    const Utf8Locale utf8;
    std::string out;
    const std::unique_ptr<struct archive, WriterEnd> writer(archive_write_new());
    struct archive* handle = writer.get();
    if (form == PackForm::tar) {
        archive_write_set_format_ustar(handle);
    } else {
        archive_write_set_format_zip(handle);
        // Stored, not deflated: the bytes must not depend on the release of zlib.
        archive_write_zip_set_compression_store(handle);
    }
    archive_write_set_bytes_per_block(handle, 0);
    archive_write_set_bytes_in_last_block(handle, 1);
    if (archive_write_open(handle, &out, nullptr, append, nullptr) != ARCHIVE_OK) {
        return packing_failed(handle, Errc::internal);
    }
    for (const auto& [path, text] : *contents) {
        const std::unique_ptr<struct archive_entry, EntryEnd> entry(archive_entry_new());
        archive_entry_set_pathname(entry.get(), path.c_str());
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), programs.contains(path) ? 0755 : 0644);
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(text->size()));
        if (archive_write_header(handle, entry.get()) != ARCHIVE_OK)
            return packing_failed(handle, Errc::internal);
        const auto written = archive_write_data(handle, text->data(), text->size());
        if (written != static_cast<la_ssize_t>(text->size()))
            return packing_failed(handle, Errc::internal);
    }
    if (archive_write_close(handle) != ARCHIVE_OK) return packing_failed(handle, Errc::internal);
    return out;
}

}  // namespace

Result<std::string> pack_files(const std::map<std::string, std::string>& files) {
    return packed(files, PackForm::zip);
}

Result<std::string> tar_files(const std::map<std::string, std::string>& files,
                              const std::set<std::string>& programs) {
    return packed(files, PackForm::tar, programs);
}

Result<std::map<std::string, std::string>> read_files(const std::filesystem::path& packed,
                                                      std::uint64_t limit) {
    std::map<std::string, std::string> files;
    auto form = package_form(packed);
    if (!form) return form.error();
    if (*form == PackageForm::empty) return files;
    std::uint64_t total = 0;
    // Binary files are left out, and so is everything past the limit.
    const auto keep = [&](const std::string& name, std::string text) {
        if (text.find('\0') != std::string::npos || !is_utf8(text)) return;
        total += text.size();
        files[name] = std::move(text);
    };
    if (*form == PackageForm::plain) {
        const base::UniqueFd fd(::open(packed.c_str(), O_RDONLY | O_CLOEXEC));
        if (!fd) return disk_error(errno, "open " + packed.string());
        std::string text(limit + 1, '\0');
        const ssize_t count = ::pread(fd.get(), text.data(), text.size(), 0);
        if (count < 0) return disk_error(errno, "read " + packed.string());
        text.resize(static_cast<std::size_t>(count));
        if (text.size() <= limit) keep("user", std::move(text));
        return files;
    }
    const ArchiveLimits limits;
    const Utf8Locale utf8;
    auto reader = ArchiveReader::open(packed);
    if (!reader) return reader.error();
    for (std::uint32_t entries = 0; entries < limits.entries; ++entries) {
        Entry entry;
        auto more = reader->next(entry);
        if (!more) return more.error();
        if (!*more) break;
        if (entry.type == Entry::Type::folder) continue;
        auto parts = entry_path(entry.name, limits);
        if (!parts) return parts.error();
        std::string text;
        bool fits = true;
        for (;;) {
            auto bytes = reader->data();
            if (!bytes) return bytes.error();
            if (bytes->empty()) break;
            fits = total + text.size() + bytes->size() <= limit;
            if (!fits) break;
            text += *bytes;
        }
        if (fits) keep(fmt::format("{}", fmt::join(*parts, "/")), std::move(text));
    }
    return files;
}

}  // namespace hearth::artifact
