#include "backend/instance_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include <fmt/format.h>

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;

/// Gives what was just made the rights that the daemon's umask, which may be any, has taken. The
/// first of many tells for all of them, as a cold start with ten settings would ask for each.
class Rights {
 public:
    explicit Rights(mode_t wanted) : wanted_(wanted) {}
    Result<void> give(const fs::path& path) {
        if (!masked_) {
            struct stat info {};
            masked_ = stat(path.c_str(), &info) != 0 || (info.st_mode & 0777) != wanted_;
        }
        if (!*masked_ || chmod(path.c_str(), wanted_) == 0) return {};
        return base::from_errno(errno, "make readable " + path.string());
    }

 private:
    mode_t wanted_;
    std::optional<bool> masked_;
};

/// Makes folders and files of settings, one call after another. Files of a folder come one after
/// the other.
struct SettingsWriter {
    const fs::path& below;
    fs::path ready{};  ///< the folder that was made last, below `below`
    Rights folder_rights{0755}, file_rights{0444};

    Result<void> write(const fs::path& relative, const std::string& bytes);
    Result<void> make_missing(const fs::path& folder);
};

Result<void> write_file(const fs::path& path, const std::string& bytes) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
    if (fd < 0) return base::from_errno(errno, "create " + path.string());
    for (std::size_t at = 0; at < bytes.size();) {
        const ssize_t n = write(fd, bytes.data() + at, bytes.size() - at);
        if (n < 0) {
            const int reason = errno;
            close(fd);
            return base::from_errno(reason, "write " + path.string());
        }
        at += static_cast<std::size_t>(n);
    }
    close(fd);
    return {};
}

Result<void> SettingsWriter::make_missing(const fs::path& relative) {
    fs::path folder = below;
    auto known = ready.begin();
    bool same = true;
    for (const auto& part : relative) {
        folder /= part;
        same = same && known != ready.end() && *known == part;
        if (same) {
            ++known;
        } else if (mkdir(folder.c_str(), 0755) == 0) {
            if (auto given = folder_rights.give(folder); given.has_error()) return given;
        } else if (errno != EEXIST) {
            return base::from_errno(errno, "make the folder " + folder.string());
        }
    }
    return {};
}

Result<void> SettingsWriter::write(const fs::path& relative, const std::string& bytes) {
    const fs::path folder = relative.parent_path();
    if (folder != ready) {
        if (auto made = make_missing(folder); made.has_error()) return made;
        ready = folder;
    }
    const fs::path file = below / relative;
    if (auto written = write_file(file, bytes); written.has_error()) return written;
    return file_rights.give(file);
}

Result<void> copy_file(const fs::path& from, const fs::path& to, mode_t mode) {
    std::error_code ec;
    fs::copy_file(from, to, ec);
    if (ec) return base::from_errno(ec.value(), "copy " + from.string());
    if (chmod(to.c_str(), (mode & 0111) | 0444) != 0)
        return base::from_errno(errno, "make readable " + to.string());
    return {};
}

/// One entry of a package: folders are made, files linked or copied, links inside repeated as they
/// are.
Result<void> put_entry(const fs::path& from, const fs::path& to) {
    struct stat info {};
    if (lstat(from.c_str(), &info) != 0) return base::from_errno(errno, "read " + from.string());
    if (S_ISDIR(info.st_mode)) {
        if (mkdir(to.c_str(), 0755) != 0 && errno != EEXIST)
            return base::from_errno(errno, "make the folder " + to.string());
        std::error_code ec;
        for (const auto& entry : fs::directory_iterator(from, ec)) {
            auto put = put_entry(entry.path(), to / entry.path().filename());
            if (put.has_error()) return put;
        }
        if (ec) return base::from_errno(ec.value(), "list " + from.string());
        return {};
    }
    if (S_ISLNK(info.st_mode)) {
        std::error_code ec;
        fs::copy_symlink(from, to, ec);
        if (ec) return base::from_errno(ec.value(), "repeat the link " + from.string());
        return {};
    }
    if (!S_ISREG(info.st_mode)) return {};
    const bool readable = (info.st_mode & 0444) == 0444;
    if (readable && link(from.c_str(), to.c_str()) == 0) return {};
    // EXDEV, EMLINK, protected_hardlinks, or a file system without links: a copy does the same.
    return copy_file(from, to, info.st_mode);
}

bool stays_inside(const fs::path& relative) {
    if (relative.empty() || relative.is_absolute()) return false;
    for (const auto& part : relative) {
        if (part == ".." || part == "." || part.empty()) return false;
    }
    return true;
}

}  // namespace

Result<void> InstanceFolder::give(const fs::path& path, unsigned mode) const {
    if (chmod(path.c_str(), mode) != 0)
        return base::from_errno(errno, "set the mode of " + path.string());
    const auto id = static_cast<uid_t>(owner_);
    if (owner_ >= 0 && chown(path.c_str(), id, id) != 0) {
        return base::from_errno(errno, "give away " + path.string());
    }
    return {};
}

Result<void> InstanceFolder::create(const std::string& code_name) const {
    if (mkdir(root_.c_str(), 0711) != 0)
        return base::from_errno(errno, "make the folder " + root_.string());
    if (settings_ != root_ && mkdir(settings_.c_str(), 0711) != 0)
        return base::from_errno(errno, "make the folder " + settings_.string());
    for (const fs::path& folder : {userfunc(), userfunc() / code_name, secrets(), configs()}) {
        if (mkdir(folder.c_str(), 0755) != 0)
            return base::from_errno(errno, "make the folder " + folder.string());
    }
    // What keeps other users out of everything below these two.
    for (const fs::path& folder : {secrets(), configs()}) {
        if (auto given = give(folder, 0700); given.has_error()) return given;
    }
    if (mkdir(sock().c_str(), 0700) != 0)
        return base::from_errno(errno, "make the folder " + sock().string());
    return give(sock(), 0700);
}

Result<void> InstanceFolder::put_code(const fs::path& code, const std::string& name) const {
    std::error_code ec;
    const auto kind = fs::status(code, ec).type();
    if (kind == fs::file_type::not_found || kind == fs::file_type::none) {
        return Error(Errc::not_found, fmt::format("the unpacked code {} is gone", code.string()),
                     "", "backend");
    }
    // A single file takes the place of the folder that was made for it.
    if (kind != fs::file_type::directory && rmdir((userfunc() / name).c_str()) != 0 &&
        errno != ENOENT)
        return base::from_errno(errno, "remove the folder " + (userfunc() / name).string());
    return put_entry(code, userfunc() / name);
}

Result<void> InstanceFolder::put_files(const fs::path& below,
                                       const std::map<std::string, std::string>& files) const {
    SettingsWriter writer{below};
    for (const auto& [name, bytes] : files) {
        const fs::path relative = fs::path(name).lexically_normal();
        if (!stays_inside(relative)) {
            return Error(Errc::invalid_argument,
                         fmt::format("{} is no path below its folder", name), "", "backend");
        }
        if (auto written = writer.write(relative, bytes); written.has_error()) return written;
    }
    return {};
}

void InstanceFolder::remove() const {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
    if (settings_ != root_) fs::remove_all(settings_, ignored);
}

Result<void> empty_run_folder(const fs::path& run_folder) {
    std::error_code ec;
    fs::create_directories(run_folder, ec);
    if (ec) return base::from_errno(ec.value(), "make the folder " + run_folder.string());
    for (const auto& entry : fs::directory_iterator(run_folder, ec)) {
        const auto name = entry.path().filename();
        if (name == "endpoints.json" || name == "admin-token") continue;
        std::error_code failed;
        fs::remove_all(entry.path(), failed);
        if (failed) return base::from_errno(failed.value(), "empty " + entry.path().string());
    }
    const fs::path instances = run_folder / "instances";
    fs::create_directories(instances, ec);
    if (ec) return base::from_errno(ec.value(), "make the folder " + instances.string());
    // Searchable, not listable: an instance without a sandbox reaches its own folder, whose name it
    // knows.
    fs::permissions(instances, fs::perms(0711), ec);
    return {};
}

}  // namespace hearth::backend
