#include "runner/token_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "runner/encoding.hpp"
#include "runner/fd.hpp"

namespace hearth::runner {
namespace {

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
           a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

}  // namespace

void TokenFile::refresh() {
    const Fd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat now {};
    if (!file || ::fstat(file.get(), &now) != 0) {
        token_.clear();
        seen_ = {};
        return;
    }
    if (same_file(now, seen_)) return;
    std::array<char, 4096> bytes{};
    const ssize_t count = ::read(file.get(), bytes.data(), bytes.size());
    token_.assign(bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    while (!token_.empty() && static_cast<unsigned char>(token_.back()) <= ' ') token_.pop_back();
    seen_ = now;
}

const std::string& TokenFile::token() {
    refresh();
    return token_;
}

bool TokenFile::accepts(std::string_view authorization) {
    refresh();
    constexpr std::string_view kScheme = "Bearer ";
    if (!authorization.starts_with(kScheme)) return false;
    return equal_in_constant_time(token_, authorization.substr(kScheme.size()));
}

}  // namespace hearth::runner
