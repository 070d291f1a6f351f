#include "runner/tree_writer.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "runner/safe_path.hpp"

namespace hearth::runner {
Fault TreeWriter::refuse(std::string_view why) const {
    return refused("entry " + name_ + ' ' + std::string(why));
}

Result<void> TreeWriter::check_room(std::uint64_t more) const {
    // Subtracting keeps a claimed size near 2^64 from wrapping round.
    if (more <= bounds_.bytes && bytes_ <= bounds_.bytes - more) return {};
    return refuse("takes the archive past " + std::to_string(bounds_.bytes) + " bytes unpacked");
}

Result<void> TreeWriter::count_node() {
    if (++nodes_ <= bounds_.files) return {};
    return refuse("is one of more than " + std::to_string(bounds_.files) + " files and folders");
}

Result<Fd> TreeWriter::descend(int parent, const std::string& part) {
    Fd next(::openat(parent, part.c_str(), kOpenFolder));
    if (next) return next;
    if (errno == ENOTDIR || errno == ELOOP) return refuse("needs a folder where a file is");
    if (errno != ENOENT) return from_errno(errno, "open the folder of " + name_);
    if (auto room = count_node(); room.has_error()) return room.error();
    if (::mkdirat(parent, part.c_str(), 0700) != 0) {
        return from_errno(errno, "create the folder of " + name_);
    }
    made_.push_back(at_);
    made_.back().push_back(part);
    next = Fd(::openat(parent, part.c_str(), kOpenFolder));
    if (!next) return from_errno(errno, "open the folder of " + name_);
    return next;
}

Result<void> TreeWriter::open_parents(const std::vector<std::string>& parts) {
    if (folder_ && parts == at_) return {};
    at_.clear();
    folder_ = Fd(::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0));
    if (!folder_) return from_errno(errno, "open the archive's folder");
    for (const std::string& part : parts) {
        auto next = descend(folder_.get(), part);
        if (!next) {
            folder_ = Fd();
            return next.error();
        }
        folder_ = std::move(*next);
        at_.push_back(part);
    }
    return {};
}

Result<void> TreeWriter::add_folder(std::string_view name) {
    name_ = shown(name);
    auto parts = safe_path(name);
    if (!parts) return refuse(parts.error().detail);
    return open_parents(*parts);
}

Result<void> TreeWriter::begin_file(std::string_view name, std::uint64_t declared_bytes) {
    name_ = shown(name);
    auto parts = safe_path(name);
    if (!parts) return refuse(parts.error().detail);
    if (parts->empty()) return refuse("has no name");
    if (auto room = check_room(declared_bytes); room.has_error()) return room;
    const std::string last = std::move(parts->back());
    parts->pop_back();
    if (auto opened = open_parents(*parts); opened.has_error()) return opened;
    if (auto room = count_node(); room.has_error()) return room;
    file_ = Fd(::openat(folder_.get(), last.c_str(),
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file_) return {};
    if (errno == EEXIST) return refuse("is there twice");
    return from_errno(errno, "create " + name_);
}

Result<void> TreeWriter::append(std::string_view bytes) {
    if (auto room = check_room(bytes.size()); room.has_error()) return room;
    bytes_ += bytes.size();
    return write_all(file_.get(), bytes, "write " + name_);
}

Result<void> TreeWriter::end_file(Mode mode) {
    const mode_t writable = access_ == Access::writable ? 0200 : 0;
    if (::fchmod(file_.get(), (mode == Mode::executable ? 0555 : 0444) | writable) != 0) {
        return from_errno(errno, "set the mode of " + name_);
    }
    file_ = Fd();
    ++files_;
    return {};
}

Result<void> TreeWriter::seal() {
    folder_ = Fd();
    const mode_t mode = access_ == Access::writable ? 0755 : 0555;
    // Inner folders first: below a sealed one nothing could be changed any more.
    for (auto parts = made_.rbegin(); parts != made_.rend(); ++parts) {
        Fd at(::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0));
        for (const std::string& part : *parts)
            at = Fd(::openat(at.get(), part.c_str(), kOpenFolder));
        if (!at || ::fchmod(at.get(), mode) != 0) return from_errno(errno, "seal a folder");
    }
    if (::fchmod(root_.get(), mode) != 0) return from_errno(errno, "seal the archive's folder");
    return {};
}

}  // namespace hearth::runner
