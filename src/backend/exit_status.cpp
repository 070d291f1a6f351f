#include "backend/exit_status.hpp"

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "backend/cgroup_mounts.hpp"

namespace hearth::backend {
namespace {

/// struct pidfd_info of linux/pidfd.h, first version (64 bytes).
struct PidfdInfo {
    std::uint64_t mask;
    std::uint64_t cgroup_id;
    std::uint32_t ids[11];
    std::int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t kInfoExit = 1u << 3;

}  // namespace

std::optional<int> wait_status_of_pidfd(int pidfd) {
    PidfdInfo info{};
    info.mask = kInfoExit;
    if (ioctl(pidfd, _IOWR(0xFF, 11, PidfdInfo), &info) != 0) return std::nullopt;
    if ((info.mask & kInfoExit) == 0) return std::nullopt;
    return info.exit_code;
}

pid_t pid_of_pidfd(int pidfd) {
    constexpr std::string_view kField = "\nPid:";
    const std::string text = read_small_file(fmt::format("/proc/self/fdinfo/{}", pidfd));
    const auto at = text.find(kField);
    if (at == std::string::npos) return 0;
    const long pid = std::strtol(text.c_str() + at + kField.size(), nullptr, 10);
    return pid > 0 ? static_cast<pid_t>(pid) : 0;
}

DecodedStatus decode_wait_status(int status, bool through_sandbox) {
    if (WIFSIGNALED(status)) return {true, WTERMSIG(status)};
    const int code = WEXITSTATUS(status);
    constexpr int kSignalBase = 128, kSignals = 64;
    if (through_sandbox && code > kSignalBase && code <= kSignalBase + kSignals)
        return {true, code - kSignalBase};
    return {false, code};
}

}  // namespace hearth::backend
