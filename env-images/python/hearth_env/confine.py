"""What a forked instance does to itself before it serves: namespaces, mounts, limits, user, capabilities."""

import base64
import ctypes
import errno
import os
import posix
import resource
import signal

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND = 1, 2, 4, 8, 32, 4096
_MS_REC, _MS_PRIVATE = 16384, 1 << 18
_MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, _BPF_INSTRUCTION = 22, 2, 8
_CAPABILITY_VERSION_3 = 0x20080522
_KEPT_MOUNT_FLAGS = {os.ST_NOSUID: _MS_NOSUID, os.ST_NODEV: _MS_NODEV, os.ST_NOEXEC: _MS_NOEXEC}


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _prctl(what, *arguments):
    return _libc.prctl(what, *(ctypes.c_ulong(a) for a in arguments), *([ctypes.c_ulong(0)] * (4 - len(arguments))))


def unshare(flags, what):
    _check(_libc.unshare(flags), what)


def setns(fd, kind):
    _check(_libc.setns(fd, kind), "return to the own pid namespace")


def enter_own_pid_namespace():
    """Makes sure that this process may return to its pid namespace after it has made one for a child.

    Inside a user namespace below the one its pid namespace belongs to it may not: then a child in a namespace
    of its own goes on instead, and this process only waits for it. Nothing where namespaces are not allowed.
    """
    here = posix.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    allowed = _libc.setns(here, CLONE_NEWPID) == 0
    posix.close(here)
    if allowed or _libc.unshare(CLONE_NEWPID) != 0:
        return
    pid = posix.fork()
    if pid == 0:
        die_with_parent()
        return
    os.closerange(0, 65536)
    _, status = posix.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def die_with_parent():
    _check(_prctl(_PR_SET_PDEATHSIG, signal.SIGKILL), "set the parent-death signal")


def join_cgroups(files):
    for path in files:
        with open(path, "wb", buffering=0) as procs:
            procs.write(b"0")  # the writing process itself, whatever its number is here


def arrange_mounts(setup):
    """A mount namespace of its own with `binds`, `tmpfs` and without `detach`; nothing when none is asked for."""
    binds, tmpfs, detach = setup.get("binds") or [], setup.get("tmpfs") or [], setup.get("detach") or []
    own_proc = bool(setup.get("pid_namespace"))
    if not (binds or tmpfs or detach or own_proc):
        return
    unshare(CLONE_NEWNS, "make a mount namespace")
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    if own_proc:
        _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    for bind in binds:
        _bind(bind["from"], bind["to"], bool(bind.get("ro")))
    for path in tmpfs:
        os.makedirs(path, exist_ok=True)
        _mount("tmpfs", path, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=1777")
    for path in detach:
        _detach(path)


def _detach(path):
    if _libc.umount2(path.encode(), _MNT_DETACH) == 0:
        return
    # Mounts of a user namespace above are locked; what lies over them cannot be taken away again either.
    if ctypes.get_errno() != errno.EINVAL:
        _check(-1, f"detach {path}")
    _mount("tmpfs", path, "tmpfs", _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, "mode=0755,size=4k")


def _mount(source, target, kind, flags, data=None):
    result = _libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags,
                         data.encode() if data else None)
    _check(result, f"mount {source} on {target}")


def _bind(source, target, read_only):
    _make_mount_point(source, target)
    _mount(source, target, None, _MS_BIND | _MS_REC)
    if read_only:
        kept = os.statvfs(target).f_flag
        flags = sum(mount for stat, mount in _KEPT_MOUNT_FLAGS.items() if kept & stat)
        _mount("none", target, None, _MS_BIND | _MS_REMOUNT | _MS_RDONLY | flags)


def _make_mount_point(source, target):
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        posix.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))  # os.close may be gevent's


def limit_resources(rlimits):
    for name, value in rlimits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is None:
            raise ValueError(f"rlimits.{name} is no resource limit of this system")
        resource.setrlimit(kind, (value, value))


def drop_bounding_set():
    """Nothing that is started from here on can gain a capability; those held now stay."""
    for capability in range(64):
        if _prctl(_PR_CAPBSET_DROP, capability) != 0:
            break  # past the last one, or not privileged: there is nothing to drop then


def become(uid, gid):
    """Changes user and group for good. The change clears the parent-death signal, so it is set again."""
    if gid is not None:
        if os.geteuid() == 0:
            os.setgroups([])
        os.setresgid(gid, gid, gid)
    if uid is not None:
        os.setresuid(uid, uid, uid)
    die_with_parent()


class _Program(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def filter_system_calls(program):
    """Installs a filter for good: BPF instructions in base64, as the daemon made them. Needs no_new_privs."""
    if not program:
        return
    code = base64.b64decode(program, validate=True)
    if not code or len(code) % _BPF_INSTRUCTION:
        raise ValueError("system_call_filter is no sequence of BPF instructions")
    holder = _Program(len(code) // _BPF_INSTRUCTION, code)
    _check(_libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(holder), ctypes.c_ulong(0),
                       ctypes.c_ulong(0)), "install the system call filter")


def drop_privileges():
    """No capability is left and none can come back through a program file."""
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "drop capabilities")
    _check(_prctl(_PR_SET_NO_NEW_PRIVS, 1), "set no_new_privs")
