#include "store/lease_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <utility>

namespace hearth::store {
namespace {

/// The file is one line, "pid revision", of fixed width so that it is always rewritten in place.
constexpr std::size_t kPidWidth = 10;
constexpr std::size_t kRevisionWidth = 20;

struct Content {
    std::int64_t pid = 0;
    std::int64_t revision = 0;
};

std::int64_t number(std::string_view text) {
    const auto first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return 0;
    std::int64_t value = 0;
    std::from_chars(text.data() + first, text.data() + text.size(), value);
    return value;
}

Content read_content(int fd) {
    char text[kPidWidth + 1 + kRevisionWidth] = {};
    const ssize_t count = ::pread(fd, text, sizeof text, 0);
    const std::string_view line(text, count > 0 ? static_cast<std::size_t>(count) : 0);
    Content content;
    content.pid = number(line.substr(0, kPidWidth));
    if (line.size() > kPidWidth) content.revision = number(line.substr(kPidWidth + 1));
    return content;
}

/// A failure leaves an older number, which only makes the check after a crash weaker.
void write_content(int fd, std::int64_t revision) {
    const std::string line = fmt::format("{:>10} {:>20}\n", ::getpid(), revision);
    [[maybe_unused]] const ssize_t written = ::pwrite(fd, line.data(), line.size(), 0);
}

}  // namespace

Result<LeaseFile> LeaseFile::take(const std::filesystem::path& database) {
    const std::string name = database.string() + ".lock";
    LeaseFile lease(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lease.fd_ < 0) return base::from_errno(errno, "open " + name);
    const int failed = ::flock(lease.fd_, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    const Content content = read_content(lease.fd_);
    if (failed == EWOULDBLOCK) {
        return Error(Errc::conflict,
                     fmt::format("{} is in use by another hearth daemon ({}); stop it, or choose "
                                 "another data folder with --data",
                                 database.string(),
                                 content.pid == 0 ? std::string("pid not known")
                                                  : fmt::format("pid {}", content.pid)),
                     {}, "store");
    }
    if (failed != 0) return base::from_errno(failed, "lock " + name);
    lease.acknowledged_ = content.revision;
    write_content(lease.fd_, content.revision);
    return lease;
}

LeaseFile::LeaseFile(LeaseFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), acknowledged_(other.acknowledged_) {}

LeaseFile::~LeaseFile() {
    // The file stays: removing it would let two daemons lock two files of the same name.
    if (fd_ >= 0) ::close(fd_);
}

void LeaseFile::acknowledge(std::int64_t revision) {
    write_content(fd_, revision);
}

void LeaseFile::settle() {
    write_content(fd_, 0);
}

}  // namespace hearth::store
