#include "artifact/archive_folder.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "artifact/reader.hpp"
#include "artifact/unpack.hpp"
#include "hearth/base/failpoint.hpp"

namespace hearth::artifact {
namespace fs = std::filesystem;
namespace {

Error no_archive(const std::string& digest) {
    return Error(Errc::not_found, fmt::format("there is no archive {}", digest), {}, "artifact");
}

Result<void> make_folder(const fs::path& path, mode_t mode) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) return disk_error(error.value(), "create " + path.string());
    if (::chmod(path.c_str(), mode) != 0) return disk_error(errno, "chmod " + path.string());
    return {};
}

/// Names in a folder; those that vanish meanwhile do no harm.
Result<std::vector<std::string>> names_in(const fs::path& folder) {
    std::error_code error;
    std::vector<std::string> names;
    for (auto at = fs::directory_iterator(folder, error); !error && at != fs::directory_iterator();
         at.increment(error)) {
        names.push_back(at->path().filename().string());
    }
    if (error) return disk_error(error.value(), "read " + folder.string());
    return names;
}

std::int64_t now_unix() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

}  // namespace

TempFile::~TempFile() {
    if (!path.empty()) ::unlink(path.c_str());
}

Result<void> TempFile::append(std::string_view more) {
    auto written = write_all(fd.get(), more, "write " + path.string());
    if (written.has_error()) return written;
    hash.add(more);
    bytes += more.size();
    return {};
}

ArchiveFolder::ArchiveFolder(fs::path folder, ArchiveLimits limits, telemetry::Logger& log)
    : folder_(std::move(folder)),
      tmp_(folder_ / "tmp"),
      unpacked_(folder_ / "unpacked"),
      limits_(limits),
      log_(log) {}

Result<std::vector<fs::path>> ArchiveFolder::prepare() {
    if (auto made = make_folder(folder_, 0755); made.has_error()) return made.error();
    if (auto made = make_folder(tmp_, 0700); made.has_error()) return made.error();
    if (auto dropped = drop_after_boot(); dropped.has_error()) return dropped.error();
    if (auto learnt = learn_unpacked(); learnt.has_error()) return learnt.error();
    auto names = names_in(tmp_);
    if (!names) return names.error();
    std::vector<fs::path> stale;
    for (const std::string& name : *names) stale.push_back(tmp_ / name);
    return stale;
}

/// Unpacked files are never synced: what a kill leaves is whole in the page cache, and what a power
/// cut leaves may be empty. Another boot therefore starts without them.
Result<void> ArchiveFolder::drop_after_boot() {
    const fs::path mark = unpacked_ / ".boot";
    const std::string id = boot_id();
    std::string before;
    {
        std::ifstream file(mark);
        std::getline(file, before);
    }
    std::error_code ignored;
    if (fs::exists(unpacked_, ignored) && (before != id || id.empty())) {
        if (::rename(unpacked_.c_str(), fresh_name(tmp_).c_str()) != 0) {
            return disk_error(errno, "set aside " + unpacked_.string());
        }
    }
    if (auto made = make_folder(unpacked_, 0755); made.has_error()) return made;
    if (before == id) return {};
    const base::UniqueFd fd(::open(mark.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd) return disk_error(errno, "create " + mark.string());
    return write_all(fd.get(), id + "\n", "write " + mark.string());
}

Result<void> ArchiveFolder::learn_unpacked() {
    auto names = names_in(unpacked_);
    if (!names) return names.error();
    const std::set<std::string> there(names->begin(), names->end());
    for (const std::string& name : there) {
        if (is_digest(name)) remember(name, there.contains(name + ".plain"));
        if (name.ends_with(".plain") && !there.contains(name.substr(0, name.size() - 6))) {
            ::unlink((unpacked_ / name).c_str());
        }
    }
    return {};
}

void ArchiveFolder::remember(const std::string& digest, bool plain) {
    fs::path path = unpacked_ / digest;
    if (plain) path /= "user";
    std::unique_lock lock(known_mutex_);
    known_.insert_or_assign(digest, std::move(path));
}

fs::path ArchiveFolder::known(const std::string& digest) const {
    std::shared_lock lock(known_mutex_);
    const auto at = known_.find(digest);
    return at == known_.end() ? fs::path() : at->second;
}

Result<std::shared_ptr<TempFile>> ArchiveFolder::begin() {
    auto fresh = fresh_file(tmp_);
    if (!fresh) return fresh.error();
    return std::make_shared<TempFile>(std::move(fresh->first), std::move(fresh->second));
}

Result<ArchiveInfo> ArchiveFolder::place(TempFile& file, const std::string& expected_digest) {
    const std::string digest = file.hash.finish();
    if (!expected_digest.empty() && expected_digest != digest) {
        return Error(Errc::invalid_argument,
                     fmt::format("the archive's SHA-256 is {}, not {}: it was changed or cut short "
                                 "on its way; send it again",
                                 digest, expected_digest),
                     {}, "artifact");
    }
    if (auto hit = base::failpoint("artifact.after_tmp_write"); hit.has_error()) return hit.error();
    auto synced = sync_fd(file.fd.get(), "sync " + file.path.string());
    if (synced.has_error()) return synced.error();
    const std::lock_guard lock(names_mutex_);
    if (auto hit = base::failpoint("artifact.before_rename"); hit.has_error()) return hit.error();
    // Over one that is there already, too: equal bytes, a fresh age, and it heals a damaged one.
    if (::rename(file.path.c_str(), packed(digest).c_str()) != 0) {
        return disk_error(errno, "name archive " + digest);
    }
    file.path.clear();
    if (auto hit = base::failpoint("artifact.after_rename"); hit.has_error()) return hit.error();
    if (auto done = sync_folder(folder_); done.has_error()) return done.error();
    return info(digest);
}

Result<ArchiveInfo> ArchiveFolder::put(const std::string& bytes) {
    Sha256 hash;
    hash.add(bytes);
    const std::string digest = hash.finish();
    {
        const std::lock_guard lock(names_mutex_);
        auto there = info(digest);
        if (there.has_value() && there->bytes == bytes.size() &&
            ::utimensat(AT_FDCWD, packed(digest).c_str(), nullptr, 0) == 0) {
            if (auto done = sync_folder(folder_); done.has_error()) return done.error();
            return info(digest);
        }
    }
    auto file = begin();
    if (!file) return file.error();
    if (auto done = (*file)->append(bytes); done.has_error()) return done.error();
    return place(**file, digest);
}

Result<ArchiveInfo> ArchiveFolder::info(const std::string& digest) const {
    if (!is_digest(digest)) return no_archive(digest);
    struct stat status {};
    if (::stat(packed(digest).c_str(), &status) != 0) {
        if (errno == ENOENT) return no_archive(digest);
        return disk_error(errno, "read archive " + digest);
    }
    ArchiveInfo answer;
    answer.digest = digest;
    answer.bytes = static_cast<std::uint64_t>(status.st_size);
    answer.created_unix = status.st_mtim.tv_sec;
    return answer;
}

Result<std::vector<ArchiveInfo>> ArchiveFolder::list() const {
    auto names = names_in(folder_);
    if (!names) return names.error();
    std::sort(names->begin(), names->end());
    std::vector<ArchiveInfo> archives;
    for (const std::string& name : *names) {
        if (!is_digest(name)) continue;
        if (auto each = info(name); each.has_value()) archives.push_back(std::move(*each));
    }
    return archives;
}

bool ArchiveFolder::wait_for(const std::string& digest, Waiter waiter) {
    std::lock_guard lock(flights_mutex_);
    auto& waiters = flights_[digest];
    waiters.push_back(std::move(waiter));
    return waiters.size() == 1;
}

void ArchiveFolder::unpack_and_answer(const std::string& digest) {
    answer(digest, unpack(digest));
}

void ArchiveFolder::answer(const std::string& digest, const Result<fs::path>& result) {
    std::vector<Waiter> waiters;
    {
        std::lock_guard lock(flights_mutex_);
        const auto at = flights_.find(digest);
        if (at == flights_.end()) return;
        waiters = std::move(at->second);
        flights_.erase(at);
    }
    for (const Waiter& waiter : waiters) waiter->deliver(result);
}

Result<fs::path> ArchiveFolder::unpack(const std::string& digest) {
    // A flight that ended between the caller's look and its joining has done the work.
    if (fs::path there = known(digest); !there.empty()) return there;
    if (auto there = info(digest); !there) return there.error();
    const fs::path folder = fresh_name(tmp_);
    if (::mkdir(folder.c_str(), 0700) != 0) return disk_error(errno, "create " + folder.string());
    auto plain = unpack_into(digest, folder);
    if (!plain) {
        remove_tree(folder);
        return plain.error();
    }
    remember(digest, *plain);
    return known(digest);
}

/// True when the package is one plain file.
Result<bool> ArchiveFolder::unpack_into(const std::string& digest, const fs::path& folder) {
    const fs::path from = packed(digest);
    auto actual = sha256_of_file(from);
    if (!actual) return actual.error();
    if (*actual != digest) {
        return Error(Errc::io,
                     fmt::format("archive {} is damaged on disk (its SHA-256 is {} now); upload it "
                                 "again",
                                 digest, *actual),
                     {}, "artifact");
    }
    auto form = package_form(from);
    if (!form) return form.error();
    if (*form == PackageForm::empty) {
        return Error(Errc::invalid_argument, "the package is empty", {}, "artifact");
    }
    const bool plain = *form == PackageForm::plain;
    auto done = plain ? unpack_plain(from, folder, limits_) : unpack_archive(from, folder, limits_);
    if (done.has_error()) return done.error();
    if (plain) {
        const base::UniqueFd mark(
            ::open(plain_mark(digest).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0444));
        if (!mark) return disk_error(errno, "create " + plain_mark(digest).string());
    } else {
        ::unlink(plain_mark(digest).c_str());
    }
    if (auto hit = base::failpoint("artifact.before_unpack_rename"); hit.has_error()) {
        return hit.error();
    }
    const fs::path to = unpacked_ / digest;
    remove_tree(to);  // left only where a flight failed after its rename; nobody was told of it
    if (::rename(folder.c_str(), to.c_str()) != 0) {
        return disk_error(errno, "name the unpacked " + digest);
    }
    // Only now: renaming a folder that its owner may not write to is refused to everybody but root.
    if (::chmod(to.c_str(), 0555) != 0) return disk_error(errno, "chmod " + to.string());
    return plain;
}

Result<std::vector<std::string>> ArchiveFolder::collect(const std::set<std::string>& named,
                                                        std::int64_t min_age_seconds) {
    const std::int64_t before = now_unix() - min_age_seconds;
    auto names = names_in(folder_);
    if (!names) return names.error();
    std::sort(names->begin(), names->end());
    std::vector<std::string> removed;
    for (const std::string& name : *names) {
        if (!is_digest(name) || named.contains(name)) continue;
        if (remove_archive(name, before)) removed.push_back(name);
    }
    if (removed.empty()) return removed;
    log_.log(telemetry::Level::info, "artifact", "removed archives that are not needed here",
             {{"count", std::to_string(removed.size())}});
    return removed;
}

bool ArchiveFolder::remove_archive(const std::string& digest, std::int64_t younger_than_unix) {
    const fs::path aside = fresh_name(tmp_);
    {
        const std::lock_guard names_lock(names_mutex_);
        const auto there = info(digest);
        if (!there || there->created_unix > younger_than_unix) return false;
        const std::lock_guard flights_lock(flights_mutex_);
        if (flights_.contains(digest)) return false;
        if (::unlink(packed(digest).c_str()) != 0) return false;
        {
            std::unique_lock lock(known_mutex_);
            known_.erase(digest);
        }
        const fs::path tree = unpacked_ / digest;
        ::chmod(tree.c_str(), 0755);
        ::rename(tree.c_str(), aside.c_str());
        ::unlink(plain_mark(digest).c_str());
    }
    remove_tree(aside);
    return true;
}

}  // namespace hearth::artifact
