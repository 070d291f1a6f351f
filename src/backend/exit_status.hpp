#pragma once

#include <sys/types.h>

#include <optional>

namespace hearth::backend {

/// The wait status of a process that is no child of ours and that its parent has reaped, from the
/// kernel (PIDFD_GET_INFO, Linux 6.15). Empty where the kernel cannot tell, or not yet.
std::optional<int> wait_status_of_pidfd(int pidfd);

/// The process of a pidfd in this process's own numbers; 0 when it has ended or is not visible
/// here.
pid_t pid_of_pidfd(int pidfd);

struct DecodedStatus {
    bool signalled = false;
    int code = 0;  ///< exit code or signal number
};
/// `through_sandbox`: bubblewrap answers a signal with exit code 128 + number.
DecodedStatus decode_wait_status(int status, bool through_sandbox);

}  // namespace hearth::backend
