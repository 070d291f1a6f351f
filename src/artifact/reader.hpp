#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "hearth/artifact/archive_store.hpp"
#include "hearth/base/result.hpp"

struct archive;
struct archive_entry;

namespace hearth::artifact {

/// Zip and tar are told by their first bytes; something that starts like one is never taken for
/// plain code.
enum class PackageForm { archive, plain, empty };
Result<PackageForm> package_form(const std::filesystem::path& packed);

/// One entry while the reader stands on it.
struct Entry {
    std::string_view name;
    enum class Type { file, folder } type = Type::file;
    bool executable = false;
    /// As the header claims; 0 when it does not say.
    std::uint64_t declared_bytes = 0;
};

/// Reads zip, tar, tar.gz and tar.zst; everything else of libarchive stays switched off.
/// Errors of all: invalid_argument for an archive that is damaged or holds what a package may not:
/// links, devices, encrypted or sparse entries. Thread: one at a time.
class ArchiveReader {
 public:
    static Result<ArchiveReader> open(const std::filesystem::path& packed);
    ArchiveReader(ArchiveReader&& other) noexcept;
    ArchiveReader& operator=(ArchiveReader&&) = delete;
    ~ArchiveReader();

    /// False at the end.
    Result<bool> next(Entry& entry);
    /// The next bytes of the present entry, valid until the next call; empty at its end.
    Result<std::string_view> data();

 private:
    explicit ArchiveReader(struct ::archive* handle) : handle_(handle) {}
    Error damaged(std::string_view where) const;
    Result<void> check_filters() const;

    struct ::archive* handle_;
    struct ::archive_entry* entry_ = nullptr;
    std::uint64_t offset_ = 0;
};

/// Makes UTF-8 the character set of this thread while it lives: libarchive converts names to that
/// of the locale, and a daemon runs in the "C" locale.
class Utf8Locale {
 public:
    Utf8Locale();
    ~Utf8Locale();
    Utf8Locale(const Utf8Locale&) = delete;
    Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
    void* mine_;
    void* before_;
};

}  // namespace hearth::artifact
