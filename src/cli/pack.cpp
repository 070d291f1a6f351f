#include "cli/pack.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/json.hpp>

#include <cerrno>
#include <fstream>

#include "cli/files.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/model/package_build.hpp"

extern char** environ;

namespace hearth::cli {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr std::uint64_t kMostText = 8u << 20;
constexpr std::uint64_t kMostLiteral = 262'144;

/// A folder that is removed at the end with all it holds (links, not what they name).
class StagingFolder {
 public:
    StagingFolder() : path_(name_.path().string() + ".d") {
        std::error_code ec;
        fs::create_directory(path_, ec);
        fs::permissions(path_, fs::perms::owner_all, ec);
    }
    ~StagingFolder() {
        std::error_code ec;
        fs::remove_all(path_, ec);
    }
    const fs::path& path() const { return path_; }

 private:
    TemporaryFile name_;
    fs::path path_;
};

Result<void> run_program(const std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ);
    if (failed != 0) {
        return base::from_errno(
            failed, "binary code is packed with the program " + words[0] + ", which cannot be run");
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return base::from_errno(errno, words[0]);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return Error(Errc::io, words[0] + " failed while it packed the code");
}

/// Writes a tar.gz of `files`. Owner, time and order are fixed, so that equal files give equal
/// digests.
Result<void> write_tar(const FileSet& files, const fs::path& out) {
    StagingFolder stage;
    TemporaryFile list;
    std::ofstream names(list.path(), std::ios::binary);
    std::error_code ec;
    for (const auto& [name, file] : files) {
        const fs::path link = stage.path() / name;
        fs::create_directories(link.parent_path(), ec);
        fs::create_symlink(fs::absolute(file), link, ec);
        if (ec) return base::from_errno(ec.value(), "staging " + name);
        names << name << '\0';
    }
    names.close();
    if (!names) return Error(Errc::io, list.path().string() + " cannot be written");
    return run_program({"tar", "--create", "--file", out.string(), "-I", "gzip -n", "--dereference",
                        "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu",
                        "-C", stage.path().string(), "--no-recursion", "--null",
                        "--verbatim-files-from", "-T", list.path().string()});
}

json::object literal_archive(const std::string& bytes) {
    json::object archive;
    archive["type"] = "literal";
    archive["literal"] = base::base64_encode(bytes);
    return archive;
}

/// The files as text, or nothing when one is too large or no text.
Result<std::optional<json::object>> as_texts(const FileSet& files) {
    json::object texts;
    std::uint64_t bytes = 0;
    for (const auto& [name, file] : files) {
        std::error_code ec;
        bytes += fs::file_size(file, ec);
        // A text has no executable bit; a build script needs its own.
        const auto mode = fs::status(file, ec).permissions();
        if ((mode & fs::perms::owner_exec) != fs::perms::none) return std::optional<json::object>();
        if (bytes > kMostText || !is_text(name)) return std::optional<json::object>();
        auto content = read_file(file);
        if (!content) return content.error();
        if (!is_text(*content)) return std::optional<json::object>();
        texts.emplace(name, std::move(*content));
    }
    return std::optional<json::object>(std::move(texts));
}

}  // namespace

Result<json::object> pack(const FileSet& files, bool single, Client& client) {
    if (single) {
        const fs::path& file = files.begin()->second;
        auto bytes = read_file(file);
        if (!bytes) return bytes.error();
        if (bytes->size() <= kMostLiteral) return literal_archive(*bytes);
        auto digest = client.upload(file.string());
        if (!digest) return digest.error();
        return model::stored_archive(*digest);
    }
    auto texts = as_texts(files);
    if (!texts) return texts.error();
    if (*texts) {
        json::object archive;
        archive["type"] = "files";
        archive["files"] = std::move(**texts);
        return archive;
    }
    TemporaryFile tar;
    if (auto made = write_tar(files, tar.path()); made.has_error()) return made.error();
    auto digest = client.upload(tar.path().string());
    if (!digest) return digest.error();
    return model::stored_archive(*digest);
}

Result<FileSet> folder_files(const fs::path& folder) {
    auto names = files_below(folder);
    if (!names) return names.error();
    FileSet files;
    for (const auto& name : *names) files.emplace(name.generic_string(), folder / name);
    if (files.empty()) return Error(Errc::invalid_argument, folder.string() + " holds no file");
    return files;
}

}  // namespace hearth::cli
