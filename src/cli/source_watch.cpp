#include "cli/source_watch.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace hearth::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t kMask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                IN_CREATE | IN_ATTRIB | IN_DELETE_SELF | IN_ONLYDIR;
constexpr int kMostQuiets = 10;
constexpr std::size_t kMostNames = 64;

Error watch_error(int error_number, const fs::path& folder) {
    if (error_number == ENOSPC)
        return Error(Errc::io, folder.string() +
                                   " has more folders than the system lets one watch; raise "
                                   "fs.inotify.max_user_watches");
    return base::from_errno(error_number, "watching " + folder.string());
}

}  // namespace

bool is_by_product(const std::string& name) {
    static constexpr std::array<std::string_view, 14> kNames = {
        ".git",    ".hg",       ".svn",          "node_modules", "__pycache__",
        ".venv",   "venv",      ".pytest_cache", ".idea",        ".mypy_cache",
        ".vscode", ".DS_Store", ".ruff_cache",   "4913"};  // what vim writes to find out whether it
                                                           // can
    static constexpr std::array<std::string_view, 6> kEndings = {"~",    ".swp", ".swx",
                                                                 ".pyc", ".tmp", ".part"};
    if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) return true;
    if (name.starts_with(".#") || (name.starts_with('#') && name.ends_with('#'))) return true;
    return std::any_of(kEndings.begin(), kEndings.end(),
                       [&](std::string_view ending) { return name.ends_with(ending); });
}

Result<SourceWatch> SourceWatch::open(const fs::path& source) {
    std::error_code ec;
    const bool folder = fs::is_directory(source, ec);
    if (!folder && !fs::exists(source, ec))
        return Error(Errc::not_found, "there is no file or folder " + source.string());
    const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) return base::from_errno(errno, "watching " + source.string());
    const fs::path whole = fs::absolute(source, ec).lexically_normal();
    SourceWatch watch(fd, folder ? whole : whole.parent_path(),
                      folder ? std::string() : whole.filename().string());
    if (auto added = watch.add_tree(watch.folder_); added.has_error()) return added.error();
    return watch;
}

SourceWatch::~SourceWatch() {
    if (fd_ >= 0) ::close(fd_);
}

SourceWatch::SourceWatch(SourceWatch&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      folder_(std::move(other.folder_)),
      only_(std::move(other.only_)),
      folders_(std::move(other.folders_)),
      changed_at_(other.changed_at_),
      names_(std::move(other.names_)),
      changed_name_(std::move(other.changed_name_)) {}

Result<void> SourceWatch::add_tree(const fs::path& folder) {
    const int watched = ::inotify_add_watch(fd_, folder.c_str(), kMask);
    // A folder that went meanwhile is told of by its parent.
    if (watched < 0 && (errno == ENOENT || errno == ENOTDIR) && folder != folder_) return {};
    if (watched < 0) return watch_error(errno, folder);
    folders_[watched] = folder;
    if (!only_.empty()) return {};
    std::error_code ec;
    for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
        if (it->is_symlink(ec) || !it->is_directory(ec)) continue;
        if (is_by_product(it->path().filename().string())) continue;
        if (auto added = add_tree(it->path()); added.has_error()) return added;
    }
    return {};
}

bool SourceWatch::counts(const fs::path& folder, const std::string& name) const {
    if (!only_.empty()) return folder == folder_ && name == only_;
    return !name.empty() && !is_by_product(name);
}

void SourceWatch::note(std::string name) {
    if (names_.empty()) changed_at_ = Clock::now();
    const bool known = std::find(names_.begin(), names_.end(), name) != names_.end();
    if (!known && names_.size() < kMostNames) names_.push_back(std::move(name));
}

std::string SourceWatch::lasting_name() const {
    std::error_code ec;
    const auto there = std::find_if(names_.begin(), names_.end(), [&](const std::string& name) {
        return fs::exists(fs::symlink_status(folder_ / name, ec));
    });
    return there == names_.end() ? names_.front() : *there;
}

void SourceWatch::read_events() {
    alignas(inotify_event) std::array<char, 16384> buffer;
    for (;;) {
        const auto got = ::read(fd_, buffer.data(), buffer.size());
        if (got <= 0) return;
        for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
            at += sizeof(inotify_event) + event->len;
            if ((event->mask & IN_Q_OVERFLOW) != 0) {
                static_cast<void>(add_tree(folder_).has_error());
                note("many files");
                continue;
            }
            const auto found = folders_.find(event->wd);
            if (found == folders_.end()) continue;
            if ((event->mask & (IN_IGNORED | IN_DELETE_SELF)) != 0) {
                folders_.erase(found);
                continue;
            }
            const fs::path folder = found->second;
            const std::string name = event->len > 0 ? event->name : "";
            if (!counts(folder, name)) continue;
            const bool made = (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0;
            const bool is_folder = (event->mask & IN_ISDIR) != 0;
            if (made && is_folder) static_cast<void>(add_tree(folder / name).has_error());
            // A file that was only made is told of again when it is closed; a link is not.
            const bool link = !is_folder && made && fs::is_symlink(folder / name);
            if ((event->mask & IN_CREATE) != 0 && !is_folder && !link) continue;
            if ((event->mask & IN_ATTRIB) != 0 && is_folder) continue;
            note((folder / name).lexically_relative(folder_).generic_string());
        }
    }
}

bool SourceWatch::wait(int wake_fd, std::chrono::milliseconds quiet) {
    names_.clear();
    for (;;) {
        int limit = -1;
        if (!names_.empty()) {
            const auto left = changed_at_ + quiet * kMostQuiets - Clock::now();
            limit = static_cast<int>(std::clamp<std::int64_t>(
                std::chrono::duration_cast<std::chrono::milliseconds>(left).count() + 1, 0,
                quiet.count()));
        }
        std::array<pollfd, 2> fds = {pollfd{fd_, POLLIN, 0}, pollfd{wake_fd, POLLIN, 0}};
        const int ready = ::poll(fds.data(), fds.size(), limit);
        if (ready < 0 && errno == EINTR) continue;
        if (fds[1].revents != 0) return false;
        const bool over = !names_.empty() && Clock::now() >= changed_at_ + quiet * kMostQuiets;
        if (ready == 0 || over) break;
        read_events();
    }
    changed_name_ = lasting_name();
    return true;
}

}  // namespace hearth::cli
