#include "cli/starter.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <fstream>
#include <map>
#include <memory>

namespace hearth::cli {

namespace fs = std::filesystem;

namespace {

struct ReaderEnd {
    void operator()(struct archive* handle) const { archive_read_free(handle); }
};

bool stays_below(const fs::path& name) {
    if (name.empty() || name.is_absolute() || !name.has_filename()) return false;
    for (const auto& part : name) {
        if (part == ".." || part == ".") return false;
    }
    return true;
}

Error no_starter(const std::string& why) {
    return Error(Errc::invalid_argument, "the daemon's starter cannot be used: " + why);
}

Result<std::string> data_of(struct archive* handle) {
    std::string bytes;
    char piece[16384];
    for (;;) {
        const auto got = archive_read_data(handle, piece, sizeof piece);
        if (got < 0) return no_starter("it is damaged");
        if (got == 0) return bytes;
        bytes.append(piece, static_cast<std::size_t>(got));
    }
}

struct File {
    std::string bytes;
    bool program = false;
};

Result<std::map<std::string, File>> files_of(const std::string& tar) {
    const std::unique_ptr<struct archive, ReaderEnd> reader(archive_read_new());
    struct archive* handle = reader.get();
    archive_read_support_format_tar(handle);
    if (archive_read_open_memory(handle, tar.data(), tar.size()) != ARCHIVE_OK)
        return no_starter("it is no tar");
    std::map<std::string, File> files;
    struct archive_entry* entry = nullptr;
    for (;;) {
        const int next = archive_read_next_header(handle, &entry);
        if (next == ARCHIVE_EOF) break;
        if (next != ARCHIVE_OK) return no_starter("it is no tar");
        const char* name = archive_entry_pathname(entry);
        if (archive_entry_filetype(entry) == AE_IFDIR) continue;
        if (name == nullptr || archive_entry_filetype(entry) != AE_IFREG || !stays_below(name))
            return no_starter("it holds what is no file below its folder");
        File file;
        file.program = (archive_entry_perm(entry) & 0100) != 0;
        const std::string key = name;
        auto bytes = data_of(handle);
        if (!bytes) return bytes.error();
        file.bytes = std::move(*bytes);
        files[key] = std::move(file);
    }
    if (files.empty()) return no_starter("it is empty");
    return files;
}

}  // namespace

Result<std::vector<std::string>> write_starter(const std::string& tar, const fs::path& folder) {
    auto files = files_of(tar);
    if (!files) return files.error();
    std::vector<std::string> names;
    for (const auto& [name, file] : *files) {
        const auto path = folder / name;
        std::error_code ec;
        fs::create_directories(path.parent_path(), ec);
        if (ec) return base::from_errno(ec.value(), path.parent_path().string());
        std::ofstream out(path, std::ios::binary);
        out << file.bytes;
        out.close();
        const auto run = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
        if (file.program) fs::permissions(path, run, fs::perm_options::add, ec);
        if (!out || ec) return Error(Errc::io, path.string() + " cannot be written");
        names.push_back(name);
    }
    return names;
}

}  // namespace hearth::cli
