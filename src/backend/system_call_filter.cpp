#include "backend/system_call_filter.hpp"

#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "hearth/base/unique_fd.hpp"

namespace hearth::backend {
namespace {

constexpr int kDenied[] = {
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(open_tree),
    SCMP_SYS(move_mount),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kcmp),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(quotactl_fd),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(lookup_dcookie),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(syslog),
    SCMP_SYS(vhangup),
};

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

Error unsupported(int number, const char* what) {
    Error error = base::from_errno(number < 0 ? -number : number, what);
    error.code = Errc::unsupported;
    return error;
}

/// 0 or what libseccomp says.
int add_rules(scmp_filter_ctx filter) {
    // Another architecture's numbers, x32's among them, mean other calls.
    if (const int bad = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
        bad != 0)
        return bad;
    // A binary tree: six comparisons for a call that is allowed instead of one per call denied.
    if (const int bad = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); bad != 0) return bad;
    for (const int number : kDenied) {
        const int bad = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
        // -EDOM: a call that this architecture has not got.
        if (bad != 0 && bad != -EDOM) return bad;
    }
    // clone3 hides its flags behind a pointer; ENOSYS makes C libraries use clone, whose flags can
    // be read.
    if (const int bad = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
        bad != 0)
        return bad;
    for (const std::uint64_t flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                     CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET}) {
        const int bad = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                         SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
        if (bad != 0) return bad;
    }
    return 0;
}

Result<Filter> make_filter() {
    Filter filter(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
    if (!filter) return unsupported(EINVAL, "make a system call filter");
    if (const int bad = add_rules(filter.get()); bad != 0)
        return unsupported(bad, "make a system call filter");
    return filter;
}

}  // namespace

Result<std::string> export_system_call_filter() {
    // The kernel looks at the pointer only when it knows filters at all.
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr) != 0 && errno != EFAULT)
        return unsupported(errno, "install a system call filter");
    auto filter = make_filter();
    if (!filter) return filter.error();
    const base::UniqueFd file(memfd_create("filter", MFD_CLOEXEC));
    if (!file) return base::from_errno(errno, "make a memory file");
    if (const int bad = seccomp_export_bpf(filter->get(), file.get()); bad != 0)
        return unsupported(bad, "export a system call filter");
    std::string program;
    char buffer[4096];
    lseek(file.get(), 0, SEEK_SET);
    for (ssize_t n; (n = read(file.get(), buffer, sizeof buffer)) > 0;)
        program.append(buffer, static_cast<std::size_t>(n));
    return program;
}

Result<void> deny_dangerous_calls() {
    auto filter = make_filter();
    if (!filter) return filter.error();
    if (const int bad = seccomp_load(filter->get()); bad != 0)
        return unsupported(bad, "install a system call filter");
    return {};
}

}  // namespace hearth::backend
