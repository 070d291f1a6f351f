#pragma once

#include <string>

#include "hearth/base/result.hpp"

namespace hearth::backend {

/// What no function needs and what has led out of sandboxes: mounting, namespaces, tracing, kernel
/// keys, modules, BPF, io_uring, the clock. Refused with EPERM; clone3 and calls of another
/// architecture with ENOSYS. Built by libseccomp for the machine's own architecture.

/// The filter as the kernel takes it: BPF instructions of eight bytes each, for loaders that
/// install it in what they fork. Errors: unsupported (this kernel or architecture knows no
/// filters).
Result<std::string> export_system_call_filter();

/// Installs it in the calling thread and what it starts. Needs no_new_privs or CAP_SYS_ADMIN.
/// Errors: unsupported.
Result<void> deny_dangerous_calls();

}  // namespace hearth::backend
