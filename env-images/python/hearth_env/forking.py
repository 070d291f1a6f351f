"""The zygote's side of its protocol: forks an instance per order, reaps, answers. One thread, no event loop."""

import _socket
import array
import gc
import json
import os
import posix
import select
import signal
import sys
import traceback

from gevent import monkey

from hearth_env import confine, listen, output, serving

PACKET_LIMIT = 1 << 20
ANSWER_LIMIT = 8 * 1024
# gevent's versions of these make an event loop, which must not exist before a fork.
_close, _fork, _waitpid = posix.close, posix.fork, posix.waitpid
_poll = monkey.get_original("select", "poll")
_on_signal = monkey.get_original("signal", "signal")


class _Birth:
    """An instance that has been forked and does not listen yet."""

    def __init__(self, name, pid, pidfd, report):
        self.name, self.pid, self.pidfd, self.report = name, pid, pidfd, report
        self.text = b""


class Zygote:
    def __init__(self, control_fd, instance):
        self._instance = instance  # each child serves its own copy
        self._control = _socket.socket(fileno=control_fd)
        self._control.setblocking(False)
        os.set_inheritable(control_fd, False)
        self._children = {}  # pid → name
        self._births = {}  # report pipe → _Birth
        self._own_pid_namespace = None
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poller = _poll()

    def run(self):
        """Serves until the daemon's end of the socket is gone, then takes the children along."""
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        _on_signal(signal.SIGCHLD, lambda number, frame: None)
        confine.drop_bounding_set()  # children inherit it, and drop the rest themselves
        gc.collect()
        gc.freeze()  # children share these pages; a collection in one must not touch them
        self._send({"ready": True})
        self._poller.register(self._control.fileno(), select.POLLIN)
        self._poller.register(self._wake_read, select.POLLIN)
        open_ = True
        while open_:
            for fd, _ in self._poller.poll():
                if fd in self._births:
                    open_ = self._hear(self._births[fd]) and open_
                elif fd == self._wake_read:
                    open_ = self._reap() and open_
                else:
                    open_ = self._take_order() and open_
        self._end_children()

    def _send(self, message, fds=()):
        data = [json.dumps(message).encode()]
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        while True:
            try:
                self._control.sendmsg(data, rights)
                return
            except BlockingIOError:
                waiter = _poll()
                waiter.register(self._control.fileno(), select.POLLOUT)
                waiter.poll()

    def _reap(self):
        """Collects ended children and tells of each; False when nobody listens any more."""
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass
        while self._children:
            try:
                pid, status = _waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return True
            name = self._children.pop(pid, None)
            if name is not None and not self._tell({"name": name, "pid": pid, "status": status}):
                return False
        return True

    def _tell(self, message, fds=()):
        try:
            self._send(message, fds)
            return True
        except ConnectionError:
            return False

    def _take_order(self):
        """Handles one packet; False at the end of the stream."""
        fds = array.array("i")
        try:
            data, ancillary, _, _ = self._control.recvmsg(
                PACKET_LIMIT, _socket.CMSG_SPACE(4 * fds.itemsize), _socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        for level, kind, payload in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                fds.frombytes(payload[:len(payload) - len(payload) % fds.itemsize])
        if not data:
            return False
        try:
            return self._obey(data, list(fds))
        finally:
            for fd in fds:
                _close(fd)

    def _obey(self, data, fds):
        """Forks; the answer follows when the instance listens, so that several can be on their way."""
        name = ""
        try:
            order = json.loads(data)
            name = order.get("name", "")
            if order.get("op") != "fork":
                raise ValueError(f"unknown op {order.get('op')!r}; this zygote knows fork")
            if len(fds) != 2:
                raise ValueError(f"an order carries 2 descriptors (stdout, stderr), this one {len(fds)}")
            self._fork_instance(name, order, fds)
            return True
        except Exception as error:
            return self._tell({"name": name, "error": f"{type(error).__name__}: {error}"})

    def _fork_instance(self, name, order, fds):
        report_read, report_write = os.pipe2(os.O_CLOEXEC)
        try:
            pid = self._fork_into(bool((order.get("setup") or {}).get("pid_namespace")))
        except BaseException:
            _close(report_read)
            _close(report_write)
            raise
        if pid == 0:
            _child(order, fds, report_write, self._instance)
        _close(report_write)
        self._children[pid] = name
        self._births[report_read] = _Birth(name, pid, os.pidfd_open(pid), report_read)
        self._poller.register(report_read, select.POLLIN)

    def _hear(self, birth):
        """What a child says about its start; False when nobody listens any more."""
        chunk = os.read(birth.report, ANSWER_LIMIT)
        birth.text += chunk
        if chunk and birth.text != b"ok":
            return True
        self._poller.unregister(birth.report)
        del self._births[birth.report]
        _close(birth.report)
        try:
            if birth.text == b"ok":
                return self._tell({"name": birth.name, "pid": birth.pid}, [birth.pidfd])
            self._put_away(birth.pid)
            error = birth.text.decode("utf-8", "replace") or "the instance died before it listened"
            return self._tell({"name": birth.name, "error": f"RuntimeError: {error}"})
        finally:
            _close(birth.pidfd)

    def _fork_into(self, new_pid_namespace):
        if not new_pid_namespace:
            return _fork()
        # Only children enter the namespace that unshare() makes, and a second unshare() is refused
        # until the process is back in its own.
        if self._own_pid_namespace is None:
            self._own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        confine.unshare(confine.CLONE_NEWPID, "make a pid namespace")
        pid = -1
        try:
            pid = _fork()
        finally:
            if pid != 0:
                confine.setns(self._own_pid_namespace, confine.CLONE_NEWPID)
        return pid

    def _put_away(self, pid):
        if self._children.pop(pid, None) is None:
            return  # reaped already
        try:
            os.kill(pid, signal.SIGKILL)
            _waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass

    def _end_children(self):
        for pid in self._children:
            for end in (os.killpg, os.kill):
                try:
                    end(pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    pass
        for pid in self._children:
            try:
                _waitpid(pid, 0)
            except ChildProcessError:
                pass


def _child(order, fds, report, instance):
    """The forked instance; never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        _on_signal(signal.SIGCHLD, signal.SIG_DFL)
        listener = _become_instance(order, fds, report)
        os.write(report, b"ok")
        _close(report)
        report = -1
        serving.Server(listener, instance).serve()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException as error:
        text = f"{type(error).__name__}: {error}"
        if report >= 0:
            os.write(report, text.encode("utf-8", "replace")[:ANSWER_LIMIT])
            os._exit(1)
        else:
            os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        _leave(code)


def _become_instance(order, fds, report):
    setup = order.get("setup") or {}
    confine.join_cgroups(setup.get("cgroup_procs") or [])
    confine.die_with_parent()
    os.setsid()
    _arrange_descriptors(fds, report)
    os.environ.update(order.get("env") or {})
    os.environ["HEARTH_LISTEN"] = order["listen"]
    confine.arrange_mounts(setup)
    listener = listen.open_listener(order["listen"])
    confine.limit_resources(setup.get("rlimits") or {})
    confine.become(setup.get("uid"), setup.get("gid"))
    confine.drop_privileges()
    confine.filter_system_calls(setup.get("system_call_filter"))
    output.install()
    return listener


def _arrange_descriptors(fds, report):
    """Only the standard three and the report pipe stay open."""
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (fds[0], 1), (fds[1], 2)):
        os.dup2(source, target)
    os.closerange(3, report)
    os.closerange(report + 1, 65536)


def _leave(code):
    import atexit
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
