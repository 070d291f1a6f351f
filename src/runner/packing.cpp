#include "runner/packing.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "runner/fd.hpp"
#include "runner/safe_path.hpp"

namespace hearth::runner {
namespace {

constexpr std::size_t kPiece = 32 * 1024;
constexpr std::size_t kMostNotes = 200;

/// A path without links; empty when it leads nowhere.
std::string real_path(const std::string& path) {
    const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), &::free);
    return real ? std::string(real.get()) : std::string();
}

la_ssize_t append(struct ::archive*, void* out, const void* bytes, std::size_t count) {
    static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), count);
    return static_cast<la_ssize_t>(count);
}

/// One folder on the way down.
struct Level {
    std::unique_ptr<DIR, int (*)(DIR*)> stream;
    std::string prefix;  ///< path inside the archive, with its trailing slash; "" for the top
    dev_t device = 0;
    ino_t number = 0;
};

}  // namespace

struct Packing::State {
    /// `folder` is a path without links.
    State(Fd root, std::string folder, Links links)
        : writer_(archive_write_new(), &archive_write_free),
          folder_(std::move(folder)),
          links_(links) {
        archive_write_set_format_pax_restricted(writer_.get());
        archive_write_set_bytes_per_block(writer_.get(), 0);
        archive_write_open(writer_.get(), &out_, nullptr, &append, nullptr);
        struct stat info {};
        ::fstat(root.get(), &info);
        push(std::move(root), "", info);
    }
    const std::vector<std::string>& notes() const { return notes_; }

    Result<std::string_view> next() {
        out_.clear();
        while (out_.size() < kPiece && !closed_) {
            if (auto more = file_ ? copy() : advance(); more.has_error()) return more.error();
        }
        return std::string_view(out_);
    }

 private:
    void push(Fd folder, std::string prefix, const struct stat& info) {
        const int fd = ::dup(folder.get());
        levels_.push_back(Level{{fd < 0 ? nullptr : ::fdopendir(fd), &::closedir},
                                std::move(prefix),
                                info.st_dev,
                                info.st_ino});
    }

    Result<void> leave_out(const std::string& path, const char* why) {
        if (notes_.size() < kMostNotes) notes_.push_back("left out: " + shown(path) + ' ' + why);
        return {};
    }

    /// An entry that is a link, as what it leads to.
    Result<void> follow(const std::string& path) {
        if (links_ == Links::left_out) return {};
        const std::string real = real_path(folder_ + '/' + path);
        if (real.empty()) return leave_out(path, "is a link that leads nowhere");
        if (real != folder_ && !real.starts_with(folder_ + "/"))
            return leave_out(path, "is a link that leads out of the package");
        struct stat info {};
        if (::lstat(real.c_str(), &info) != 0) return from_errno(errno, "read " + shown(path));
        return add(path, AT_FDCWD, real.c_str(), info);
    }

    Result<void> add(const std::string& path, int at, const char* name, struct stat info) {
        if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)) return leave_out(path, "is no file");
        Fd fd(::openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        if (!fd || ::fstat(fd.get(), &info) != 0) return from_errno(errno, "read " + shown(path));
        if (S_ISDIR(info.st_mode)) {
            const auto same = [&info](const Level& above) {
                return above.device == info.st_dev && above.number == info.st_ino;
            };
            if (std::any_of(levels_.begin(), levels_.end(), same))
                return leave_out(path, "is a link to a folder it lies in");
            push(std::move(fd), path + '/', info);
            return header(path + '/', info);
        }
        file_ = std::move(fd);
        left_ = static_cast<std::uint64_t>(info.st_size);
        return header(path, info);
    }

    /// To the next entry, or past the end.
    Result<void> advance() {
        if (levels_.empty()) {
            closed_ = true;
            return written(archive_write_close(writer_.get()));
        }
        Level& level = levels_.back();
        if (!level.stream) return from_errno(errno, "read the folder of the archive");
        const dirent* entry = ::readdir(level.stream.get());
        if (entry == nullptr) {
            levels_.pop_back();
            return {};
        }
        const std::string name = entry->d_name;
        if (name == "." || name == "..") return {};
        const std::string path = level.prefix + name;
        const int folder = ::dirfd(level.stream.get());
        struct stat info {};
        if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
            return from_errno(errno, "read " + shown(path));
        return S_ISLNK(info.st_mode) ? follow(path) : add(path, folder, name.c_str(), info);
    }

    Result<void> header(const std::string& path, const struct stat& info) {
        const std::unique_ptr<struct ::archive_entry, void (*)(struct ::archive_entry*)> entry(
            archive_entry_new(), &archive_entry_free);
        archive_entry_set_pathname(entry.get(), path.c_str());
        archive_entry_set_filetype(entry.get(), S_ISDIR(info.st_mode) ? AE_IFDIR : AE_IFREG);
        archive_entry_set_perm(entry.get(), info.st_mode & 0777);
        archive_entry_set_size(entry.get(), S_ISDIR(info.st_mode) ? 0 : info.st_size);
        return written(archive_write_header(writer_.get(), entry.get()));
    }

    Result<void> copy() {
        std::array<char, 16 * 1024> bytes;
        const ssize_t count = ::read(file_.get(), bytes.data(), bytes.size());
        if (count < 0) return from_errno(errno, "read a file of the archive");
        const auto size = std::min(static_cast<std::uint64_t>(count), left_);
        left_ -= size;
        if (size == 0) {
            file_ = Fd();
            return left_ == 0 ? Result<void>() : Fault(500, "io", "a file of the archive shrank");
        }
        const auto taken = archive_write_data(writer_.get(), bytes.data(), size);
        return written(taken < 0 ? static_cast<int>(taken) : ARCHIVE_OK);
    }

    Result<void> written(int status) {
        // The C locale cannot show every name; its bytes are written all the same.
        if (status == ARCHIVE_OK || status == ARCHIVE_WARN) return {};
        return Fault(500, "io", std::string("pack: ") + archive_error_string(writer_.get()));
    }

    std::string out_;
    std::unique_ptr<struct ::archive, int (*)(struct ::archive*)> writer_;
    const std::string folder_;
    const Links links_;
    std::vector<std::string> notes_;
    std::vector<Level> levels_;
    Fd file_;
    std::uint64_t left_ = 0;
    bool closed_ = false;
};

Result<std::unique_ptr<Packing>> Packing::begin(const std::string& folder, Links links) {
    auto root = open_folder(folder);
    if (!root) return root.error();
    auto state = std::make_unique<State>(std::move(*root), real_path(folder), links);
    return std::unique_ptr<Packing>(new Packing(std::move(state)));
}

Packing::Packing(std::unique_ptr<State> state) : state_(std::move(state)) {}
Packing::~Packing() = default;

Task<Result<std::string_view>> Packing::next() {
    co_return state_->next();
}

const std::vector<std::string>& Packing::notes() const {
    return state_->notes();
}

}  // namespace hearth::runner
