#include "runner/install.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <vector>

#include "runner/fd.hpp"
#include "runner/safe_path.hpp"

namespace hearth::runner {

Result<void> install_program(const std::string& path) {
    const Fd own(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    if (!own) return from_errno(errno, "open this program");
    const std::string aside = path + ".new";
    const Fd copy(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755));
    if (!copy) return from_errno(errno, "create " + aside);
    std::vector<char> bytes(256 * 1024);
    for (;;) {
        const ssize_t count = ::read(own.get(), bytes.data(), bytes.size());
        if (count < 0) return from_errno(errno, "read this program");
        if (count == 0) break;
        const std::string_view piece(bytes.data(), static_cast<std::size_t>(count));
        if (auto written = write_all(copy.get(), piece, "write " + aside); written.has_error())
            return written;
    }
    if (::fchmod(copy.get(), 0555) != 0) return from_errno(errno, "change " + aside);
    if (::rename(aside.c_str(), path.c_str()) != 0) return from_errno(errno, "name " + path);
    return {};
}

}  // namespace hearth::runner
