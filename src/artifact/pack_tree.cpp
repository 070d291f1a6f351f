#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "artifact/disk.hpp"
#include "artifact/entry_path.hpp"
#include "artifact/reader.hpp"
#include "artifact/unpack.hpp"
#include "artifact/writer_handles.hpp"
#include "hearth/artifact/archive_store.hpp"

namespace hearth::artifact {
namespace {

namespace fs = std::filesystem;

/// Up to here an archive is stored as it is, which is quick and does not depend on the release of
/// zlib.
constexpr std::uint64_t kStoredBytes = 64u << 20;

struct Node {
    std::string name;  ///< below the root, with '/'
    fs::path file;     ///< the real one
    std::uint64_t bytes = 0;
    bool executable = false;
};

/// Walks a tree that nobody changes any more and that nobody trusts: links are followed only to
/// what lies in the tree itself.
class TreeWalk {
 public:
    TreeWalk(fs::path root, const ArchiveLimits& limits)
        : root_(std::move(root)), limits_(limits) {}

    Result<void> run() {
        std::vector<fs::path> above{root_};
        auto walked = folder(root_, "", above);
        if (walked.has_error()) return walked;
        std::sort(nodes.begin(), nodes.end(),
                  [](const Node& a, const Node& b) { return a.name < b.name; });
        return {};
    }

    std::vector<Node> nodes;
    std::vector<std::string> notes;
    std::uint64_t total = 0;

 private:
    Error refused(std::string message) const {
        return Error(Errc::invalid_argument, std::move(message), {}, "artifact");
    }

    bool inside(const fs::path& path) const {
        const auto [end, at] = std::mismatch(root_.begin(), root_.end(), path.begin(), path.end());
        return end == root_.end();
    }

    Result<void> folder(const fs::path& path, const std::string& prefix,
                        std::vector<fs::path>& above) {
        std::error_code ec;
        fs::directory_iterator entries(path, ec);
        if (ec) return disk_error(ec.value(), "read the folder " + shown(prefix));
        for (; entries != fs::directory_iterator(); entries.increment(ec)) {
            if (ec) return disk_error(ec.value(), "read the folder " + shown(prefix));
            const std::string name = prefix + entries->path().filename().string();
            auto done = node(entries->path(), name, above);
            if (done.has_error()) return done;
        }
        return {};
    }

    Result<void> node(fs::path path, const std::string& name, std::vector<fs::path>& above) {
        struct stat info {};
        if (::lstat(path.c_str(), &info) != 0) return disk_error(errno, "read " + shown(name));
        if (S_ISLNK(info.st_mode)) {
            std::error_code ec;
            const fs::path real = fs::canonical(path, ec);
            if (ec || !inside(real)) {
                notes.push_back("left out: " + shown(name) + " is a link that leads " +
                                (ec ? "nowhere" : "out of the package"));
                return {};
            }
            path = real;
            if (::lstat(path.c_str(), &info) != 0) return disk_error(errno, "read " + shown(name));
        }
        if (S_ISDIR(info.st_mode)) {
            if (std::find(above.begin(), above.end(), path) != above.end()) {
                notes.push_back("left out: " + shown(name) + " is a link to a folder it lies in");
                return {};
            }
            above.push_back(path);
            auto walked = folder(path, name + "/", above);
            above.pop_back();
            return walked;
        }
        if (!S_ISREG(info.st_mode)) {
            notes.push_back("left out: " + shown(name) + " is no file");
            return {};
        }
        return file(path, name, info);
    }

    Result<void> file(const fs::path& path, const std::string& name, const struct stat& info) {
        if (auto parts = entry_path(name, limits_); !parts) return parts.error();
        if (nodes.size() >= limits_.entries) {
            return refused(
                fmt::format("the package has more than {} files; leave out what the function does "
                            "not need",
                            limits_.entries));
        }
        total += static_cast<std::uint64_t>(info.st_size);
        if (total > limits_.unpacked_bytes) {
            return refused(
                fmt::format("the package has more than {} MiB; leave out what the function does "
                            "not need",
                            limits_.unpacked_bytes >> 20));
        }
        Node made;
        made.name = name;
        made.file = path;
        made.bytes = static_cast<std::uint64_t>(info.st_size);
        made.executable = (info.st_mode & 0111) != 0;
        nodes.push_back(std::move(made));
        return {};
    }

    const fs::path root_;
    const ArchiveLimits& limits_;
};

Result<void> add_file(struct archive* handle, const Node& node) {
    const base::UniqueFd from(::open(node.file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!from) return disk_error(errno, "open " + shown(node.name));
    const std::unique_ptr<struct archive_entry, EntryEnd> entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), node.name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), node.executable ? 0755 : 0644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(node.bytes));
    if (archive_write_header(handle, entry.get()) != ARCHIVE_OK)
        return packing_failed(handle, Errc::io);
    std::vector<char> buffer(128 * 1024);
    for (;;) {
        const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return disk_error(errno, "read " + shown(node.name));
        if (count == 0) return {};
        if (archive_write_data(handle, buffer.data(), static_cast<std::size_t>(count)) < 0)
            return packing_failed(handle, Errc::io);
    }
}

}  // namespace

Result<std::vector<std::string>> pack_tree(const fs::path& folder, const fs::path& to,
                                           const ArchiveLimits& limits) {
    std::error_code ec;
    const fs::path root = fs::canonical(folder, ec);
    if (ec) return disk_error(ec.value(), "find the folder to be packed");
    TreeWalk walk(root, limits);
    if (auto walked = walk.run(); walked.has_error()) return walked.error();
    if (walk.nodes.empty())
        return Error(Errc::invalid_argument, "the package has no files", {}, "artifact");
    const base::UniqueFd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!out) return disk_error(errno, "create the archive");
    const Utf8Locale utf8;
    const std::unique_ptr<struct archive, WriterEnd> writer(archive_write_new());
    struct archive* handle = writer.get();
    archive_write_set_format_zip(handle);
    if (walk.total <= kStoredBytes) archive_write_zip_set_compression_store(handle);
    archive_write_set_bytes_in_last_block(handle, 1);
    if (archive_write_open_fd(handle, out.get()) != ARCHIVE_OK)
        return packing_failed(handle, Errc::io);
    for (const Node& node : walk.nodes) {
        if (auto added = add_file(handle, node); added.has_error()) return added.error();
    }
    if (archive_write_close(handle) != ARCHIVE_OK) return packing_failed(handle, Errc::io);
    return std::move(walk.notes);
}

Result<std::vector<std::string>> repack(const fs::path& archive, const fs::path& to,
                                        const ArchiveLimits& limits) {
    struct Tree {
        fs::path path;
        ~Tree() { remove_tree(path); }
    } tree{fresh_name(to.parent_path())};
    std::error_code ec;
    fs::create_directory(tree.path, ec);
    if (ec) return disk_error(ec.value(), "create a folder to unpack into");
    auto unpacked = unpack_archive(archive, tree.path, limits);
    if (unpacked.has_error()) return unpacked.error();
    return pack_tree(tree.path, to, limits);
}

}  // namespace hearth::artifact
