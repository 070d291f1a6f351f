#include "artifact/unpack.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "artifact/disk.hpp"
#include "artifact/entry_path.hpp"
#include "artifact/reader.hpp"

namespace hearth::artifact {
namespace {

/// Below this a high ratio is just a small, regular file.
constexpr std::uint64_t kRatioFrom = 1u << 20;

using Parts = std::vector<std::string>;

Error refused(std::string message) {
    return Error(Errc::invalid_argument, std::move(message), {}, "artifact");
}

/// Writes the entries of one archive below one fresh folder, component by component: no link exists
/// there, none is ever made and none would be followed, so nothing lands outside.
class Unpacker {
 public:
    Unpacker(base::UniqueFd root, std::uint64_t packed_bytes, const ArchiveLimits& limits)
        : root_(std::move(root)), packed_bytes_(packed_bytes), limits_(limits) {}

    Result<void> run(ArchiveReader& reader) {
        for (;;) {
            Entry entry;
            auto more = reader.next(entry);
            if (!more) return more.error();
            if (!*more) break;
            if (auto done = add(reader, entry); done.has_error()) return done;
        }
        if (files_ == 0) return refused("the archive holds no files");
        return seal_folders();
    }

 private:
    Result<void> add(ArchiveReader& reader, const Entry& entry) {
        auto parts = entry_path(entry.name, limits_);
        if (!parts) return parts.error();
        if (auto room = check_size(entry, entry.declared_bytes); room.has_error()) return room;
        if (entry.type == Entry::Type::folder) return enter(*parts, entry);
        if (parts->empty()) return refused("entry " + shown(entry.name) + " has no name");
        const std::string name = std::move(parts->back());
        parts->pop_back();
        if (auto folder = enter(*parts, entry); folder.has_error()) return folder;
        return add_file(reader, entry, name);
    }

    Result<void> check_size(const Entry& entry, std::uint64_t more) const {
        // Subtracting keeps a claimed size near 2^64 from wrapping round.
        if (more > limits_.unpacked_bytes || total_ > limits_.unpacked_bytes - more) {
            return refused(fmt::format("entry {} takes the package past {} bytes unpacked",
                                       shown(entry.name), limits_.unpacked_bytes));
        }
        const std::uint64_t total = total_ + more;
        if (total > kRatioFrom && total / limits_.ratio > packed_bytes_) {
            return refused(fmt::format("entry {} unpacks to more than {} times the archive's size",
                                       shown(entry.name), limits_.ratio));
        }
        return {};
    }

    Result<void> count_node(const Entry& entry) {
        if (++nodes_ > limits_.entries) {
            return refused(fmt::format("entry {} is one of more than {} files and folders",
                                       shown(entry.name), limits_.entries));
        }
        return {};
    }

    /// Makes the folder where it is missing and keeps it open in folder_: entries mostly come
    /// folder by folder.
    Result<void> enter(const Parts& parts, const Entry& entry) {
        if (folder_ && parts == folder_parts_) return {};
        folder_ = base::UniqueFd(::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0));
        if (!folder_) return disk_error(errno, "open the package's folder");
        folder_parts_.clear();
        for (const std::string& part : parts) {
            auto next = descend(part, entry);
            if (!next) {
                folder_ = base::UniqueFd();
                return next.error();
            }
            folder_ = std::move(*next);
            folder_parts_.push_back(part);
        }
        return {};
    }

    Result<base::UniqueFd> descend(const std::string& part, const Entry& entry) {
        constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        base::UniqueFd next(::openat(folder_.get(), part.c_str(), kFlags));
        if (next) return next;
        if (errno == ENOTDIR || errno == ELOOP) {
            return refused("entry " + shown(entry.name) + " needs a folder where a file is");
        }
        if (errno != ENOENT) return disk_error(errno, "open folder " + shown(part));
        if (auto room = count_node(entry); room.has_error()) return room.error();
        if (::mkdirat(folder_.get(), part.c_str(), 0700) != 0) {
            return disk_error(errno, "create folder " + shown(part));
        }
        Parts made = folder_parts_;
        made.push_back(part);
        made_folders_.push_back(std::move(made));
        next = base::UniqueFd(::openat(folder_.get(), part.c_str(), kFlags));
        if (!next) return disk_error(errno, "open folder " + shown(part));
        return next;
    }

    Result<void> add_file(ArchiveReader& reader, const Entry& entry, const std::string& name) {
        if (auto room = count_node(entry); room.has_error()) return room;
        const std::string label = shown(entry.name);
        const base::UniqueFd file(::openat(folder_.get(), name.c_str(),
                                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                           0600));
        if (!file) {
            if (errno == EEXIST) return refused("entry " + label + " is there twice");
            return disk_error(errno, "create " + label);
        }
        for (;;) {
            auto bytes = reader.data();
            if (!bytes) return bytes.error();
            if (bytes->empty()) break;
            if (auto room = check_size(entry, bytes->size()); room.has_error()) return room;
            total_ += bytes->size();
            auto written = write_all(file.get(), *bytes, "write " + label);
            if (written.has_error()) return written;
        }
        if (::fchmod(file.get(), entry.executable ? 0555 : 0444) != 0) {
            return disk_error(errno, "chmod " + label);
        }
        ++files_;
        return {};
    }

    /// Inner folders first: below a sealed one nothing could be changed any more.
    Result<void> seal_folders() {
        folder_ = base::UniqueFd();
        for (auto parts = made_folders_.rbegin(); parts != made_folders_.rend(); ++parts) {
            base::UniqueFd at(::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0));
            for (const std::string& part : *parts) {
                at = base::UniqueFd(::openat(at.get(), part.c_str(),
                                             O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            }
            if (!at || ::fchmod(at.get(), 0555) != 0) return disk_error(errno, "chmod a folder");
        }
        return {};
    }

    base::UniqueFd root_;
    std::uint64_t packed_bytes_;
    const ArchiveLimits& limits_;
    base::UniqueFd folder_;
    Parts folder_parts_;
    std::vector<Parts> made_folders_;
    std::uint64_t total_ = 0;
    std::uint64_t nodes_ = 0;
    std::uint64_t files_ = 0;
};

Result<base::UniqueFd> open_root(const std::filesystem::path& folder) {
    base::UniqueFd root(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!root) return disk_error(errno, "open " + folder.string());
    return root;
}

}  // namespace

Result<void> unpack_archive(const std::filesystem::path& packed,
                            const std::filesystem::path& folder, const ArchiveLimits& limits) {
    struct stat info {};
    if (::stat(packed.c_str(), &info) != 0) return disk_error(errno, "read " + packed.string());
    auto root = open_root(folder);
    if (!root) return root.error();
    const Utf8Locale utf8;
    auto reader = ArchiveReader::open(packed);
    if (!reader) return reader.error();
    Unpacker unpacker(std::move(*root), static_cast<std::uint64_t>(info.st_size), limits);
    return unpacker.run(*reader);
}

Result<void> unpack_plain(const std::filesystem::path& packed, const std::filesystem::path& folder,
                          const ArchiveLimits& limits) {
    const base::UniqueFd from(::open(packed.c_str(), O_RDONLY | O_CLOEXEC));
    if (!from) return disk_error(errno, "open " + packed.string());
    const auto path = folder / "user";
    const base::UniqueFd to(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!to) return disk_error(errno, "create " + path.string());
    std::vector<char> buffer(256 * 1024);
    std::uint64_t total = 0;
    for (;;) {
        const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return disk_error(errno, "read " + packed.string());
        if (count == 0) break;
        total += static_cast<std::uint64_t>(count);
        if (total > limits.unpacked_bytes) return refused("the package is too large to unpack");
        const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
        auto written = write_all(to.get(), bytes, "write " + path.string());
        if (written.has_error()) return written;
    }
    // Executable, because a package of one file may be a program.
    if (::fchmod(to.get(), 0555) != 0) return disk_error(errno, "chmod " + path.string());
    return {};
}

}  // namespace hearth::artifact
