#include "runner/packing.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <vector>

#include "runner/fd.hpp"
#include "runner/safe_path.hpp"

namespace hearth::runner {
namespace {

constexpr std::size_t kPiece = 32 * 1024;

la_ssize_t append(struct ::archive*, void* out, const void* bytes, std::size_t count) {
    static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), count);
    return static_cast<la_ssize_t>(count);
}

/// One folder on the way down.
struct Level {
    std::unique_ptr<DIR, int (*)(DIR*)> stream;
    std::string prefix;  ///< path inside the archive, with its trailing slash; "" for the top
};

}  // namespace

struct Packing::State {
    explicit State(Fd root) : writer_(archive_write_new(), &archive_write_free) {
        archive_write_set_format_pax_restricted(writer_.get());
        archive_write_set_bytes_per_block(writer_.get(), 0);
        archive_write_open(writer_.get(), &out_, nullptr, &append, nullptr);
        push(std::move(root), "");
    }

    Result<std::string_view> next() {
        out_.clear();
        while (out_.size() < kPiece && !closed_) {
            if (auto more = file_ ? copy() : advance(); more.has_error()) return more.error();
        }
        return std::string_view(out_);
    }

 private:
    void push(Fd folder, std::string prefix) {
        const int fd = ::dup(folder.get());
        levels_.push_back(
            Level{{fd < 0 ? nullptr : ::fdopendir(fd), &::closedir}, std::move(prefix)});
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
        Fd fd(::openat(::dirfd(level.stream.get()), name.c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        struct stat info {};
        if (!fd || ::fstat(fd.get(), &info) != 0) return from_errno(errno, "read " + shown(name));
        const std::string path = level.prefix + name;
        if (S_ISDIR(info.st_mode)) {
            push(std::move(fd), path + '/');
            return header(path + '/', info);
        }
        if (!S_ISREG(info.st_mode)) return {};
        file_ = std::move(fd);
        left_ = static_cast<std::uint64_t>(info.st_size);
        return header(path, info);
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
    std::vector<Level> levels_;
    Fd file_;
    std::uint64_t left_ = 0;
    bool closed_ = false;
};

Result<std::unique_ptr<Packing>> Packing::begin(const std::string& folder) {
    auto root = open_folder(folder);
    if (!root) return root.error();
    return std::unique_ptr<Packing>(new Packing(std::make_unique<State>(std::move(*root))));
}

Packing::Packing(std::unique_ptr<State> state) : state_(std::move(state)) {}
Packing::~Packing() = default;
Result<std::string_view> Packing::next() {
    return state_->next();
}

}  // namespace hearth::runner
