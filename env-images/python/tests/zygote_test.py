"""The zygote: forks instances on demand, confines them, answers each failure, leaves no orphan."""

import array
import base64
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import pytest

import runtime_under_test as rut

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces, users and capabilities need root")


def namespaces_work():
    return subprocess.run(["unshare", "-mpf", "true"], capture_output=True, check=False).returncode == 0


needs_namespaces = pytest.mark.skipif(os.geteuid() != 0 or not namespaces_work(), reason="needs mount and pid namespaces")


class Zygote:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="zygote-"))
        self.folder.chmod(0o755)
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(30)
        self.process = subprocess.Popen(
            [rut.PYTHON[0], str(rut.ROOT / "python/zygote.py")], pass_fds=[theirs.fileno()],
            env={**os.environ, "HEARTH_ZYGOTE_FD": str(theirs.fileno())}, stdin=subprocess.DEVNULL)
        theirs.close()
        assert self.receive() == {"ready": True}

    def receive(self):
        return json.loads(self.socket.recv(1 << 20))

    def send(self, order, fds):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([order if isinstance(order, bytes) else json.dumps(order).encode()], rights)
        answer = self.receive()
        while "status" in answer:  # an earlier instance's end
            answer = self.receive()
        return answer

    def fork(self, name="one", setup=None, env=None):
        """Answer, address, and the read end of the instance's output."""
        read, write = os.pipe()
        address = f"unix:{self.folder}/{name}"
        answer = self.send({"op": "fork", "name": name, "listen": address, "setup": setup or {},
                            "env": {"HEARTH_LOG": "json", **(env or {})}}, [write, write])
        os.close(write)
        return answer, address, os.fdopen(read, "r")

    def code(self, text):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        folder.chmod(0o755)
        (folder / "main.py").write_text(text)
        return str(folder)

    def close(self):
        self.socket.close()
        try:
            return self.process.wait(30)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def zygote():
    instance = Zygote()
    yield instance
    instance.close()


def ask(address, method="GET", path="/", body=None):
    connection = rut.Connection(address)
    try:
        return rut.request(connection, method, path, body, {"X-Request-Id": "z1"})
    finally:
        connection.close()


def serve(zygote, code, name="one", setup=None, **order):
    answer, address, output = zygote.fork(name, setup)
    assert "error" not in answer, answer
    loaded = ask(address, "POST", "/v2/specialize", json.dumps({"filepath": zygote.code(code), "functionName": "", **order}))
    assert loaded.status == 200, loaded.text
    return answer["pid"], address, output


def is_alive(pid):
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until_gone(pid):
    end = time.monotonic() + 30
    while is_alive(pid):
        assert time.monotonic() < end, f"process {pid} is still there"
        time.sleep(0.01)


def test_forks_instances_that_serve_and_log(zygote):
    pid, address, output = serve(zygote, "import os\ndef main():\n    print('line')\n    return os.environ['A']", env={"A": "b"})
    assert ask(address).text == "b"
    assert json.loads(output.readline()) == {"hearth": 1, "stream": "out", "request_id": "z1", "message": "line"}
    assert os.getpgid(pid) == pid


def test_instances_are_apart(zygote):
    code = "n = 0\ndef main():\n    global n\n    n += 1\n    return str(n)"
    _, first, _out1 = serve(zygote, code, "one")
    _, second, _out2 = serve(zygote, code, "two")
    assert [ask(first).text, ask(first).text, ask(second).text] == ["1", "2", "1"]


@pytest.mark.parametrize("order, fds, text", [
    (b"nonsense", 2, "JSONDecodeError"),
    ({"op": "dance", "name": "x"}, 2, "unknown op 'dance'"),
    ({"op": "fork", "name": "x", "listen": "unix:/tmp/x"}, 0, "an order carries 2 descriptors (stdout, stderr), this one 0"),
    ({"op": "fork", "name": "x"}, 2, "KeyError: 'listen'"),
    ({"op": "fork", "name": "x", "listen": "bogus"}, 2, "it must be unix:/path or tcp:host:port"),
    ({"op": "fork", "name": "x", "listen": "unix:/nowhere/at/all"}, 2, "FileNotFoundError"),
    ({"op": "fork", "name": "x", "listen": "unix:/tmp/zygote-test-x", "setup": {"rlimits": {"BOGUS": 1}}}, 2,
     "rlimits.BOGUS is no resource limit"),
    ({"op": "fork", "name": "x", "listen": "unix:/tmp/zygote-test-x", "setup": {"cgroup_procs": ["/nowhere/procs"]}}, 2,
     "/nowhere/procs"),
])
def test_failures_are_answered_and_the_next_order_works(zygote, order, fds, text):
    null = os.open(os.devnull, os.O_RDWR)
    answer = zygote.send(order, [null] * fds)
    os.close(null)
    assert text in answer["error"]
    assert answer["name"] == ("" if isinstance(order, bytes) else "x")
    _, address, _output = serve(zygote, "def main(): return 'fine'")
    assert ask(address).text == "fine"
    pathlib.Path("/tmp/zygote-test-x").unlink(missing_ok=True)


def test_limits_are_in_force(zygote):
    code = """
import resource
def main():
    return [resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE)]
"""
    _, address, _output = serve(zygote, code, setup={"rlimits": {"NOFILE": 123, "CORE": 0}})
    assert ask(address).json == [[123, 123], [0, 0]]


def test_instances_die_with_the_zygote(zygote):
    pid, _, _output = serve(zygote, "def main(): return ''")
    zygote.process.kill()
    zygote.process.wait(30)
    wait_until_gone(pid)


def test_end_of_the_socket_ends_zygote_instances_and_their_children(zygote):
    code = "import subprocess\ndef main():\n    return str(subprocess.Popen(['sleep', '300']).pid)"
    pid, address, _output = serve(zygote, code)
    child = int(ask(address).text)
    assert zygote.close() == 0
    wait_until_gone(pid)
    wait_until_gone(child)


@pytest.mark.parametrize("how, status", [(signal.SIGTERM, 0), (signal.SIGKILL, 9)])
def test_ended_instances_are_reaped_and_told(zygote, how, status):
    pid, _, _output = serve(zygote, "def main(): return ''")
    os.kill(pid, how)
    assert zygote.receive() == {"name": "one", "pid": pid, "status": status}
    assert not os.path.exists(f"/proc/{pid}")


def test_sigterm_ends_a_forked_instance_in_order(zygote):
    pid, _, output = serve(zygote, "import atexit\natexit.register(lambda: print('bye'))\ndef main(): return ''")
    os.kill(pid, signal.SIGTERM)
    assert json.loads(output.readline())["message"] == "bye"


def test_no_descriptor_of_the_zygote_reaches_an_instance(zygote):
    pid, first, _one = serve(zygote, "def main(): return ''", "one")
    others = rut.sockets_of(zygote.process.pid) | rut.sockets_of(pid)
    assert len(others) >= 2, others  # the zygote's own, and the first instance's listener
    code = """
import os
def main():
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try: links.append(os.readlink("/proc/self/fd/" + fd))
        except OSError: pass
    return links
"""
    _, address, _two = serve(zygote, code, "two")
    links = ask(address).json
    assert any("socket:" in link for link in links) and not others & set(links), (others, links)
    assert ask(first).status == 200


@needs_root
def test_user_capabilities_and_no_new_privileges(zygote):
    code = """
def main():
    status = open("/proc/self/status").read().split("\\n")
    return {line.split(":")[0]: line.split(":")[1].split() for line in status if ":" in line}
"""
    _, address, _output = serve(zygote, code, setup={"uid": 65534, "gid": 65533})
    status = ask(address).json
    assert status["Uid"] == ["65534"] * 4
    assert status["Gid"] == ["65533"] * 4
    assert status["Groups"] == []
    assert status["NoNewPrivs"] == ["1"]
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind][0], 16) == 0, kind


@needs_root
def test_capabilities_are_gone_for_root_as_well(zygote):
    code = """
import os
def main():
    try: os.chroot("/")
    except PermissionError: return "refused"
    return "allowed"
"""
    _, address, _output = serve(zygote, code)
    assert ask(address).text == "refused"


@needs_namespaces
def test_pid_namespace(zygote):
    code = """
import os
def main():
    return [os.getpid(), sorted(int(n) for n in os.listdir("/proc") if n.isdigit())]
"""
    pid, address, _output = serve(zygote, code, setup={"pid_namespace": True})
    assert ask(address).json == [1, [1]]
    os.kill(pid, signal.SIGTERM)  # process 1 of a namespace has no default action: the loader handles it
    wait_until_gone(pid)
    _, second, _output2 = serve(zygote, code, "two", setup={"pid_namespace": True})
    assert ask(second).json[0] == 1


@needs_namespaces
def test_mounts(zygote):
    outside = zygote.folder / "outside"
    outside.mkdir()
    (outside / "key").write_text("value")
    hidden = zygote.folder / "hidden"
    hidden.mkdir()
    (hidden / "secret").write_text("s")
    inside = zygote.folder / "inside/deep"
    code = f"""
import os
def main():
    seen = [open("{inside}/key").read(), os.listdir("{hidden}")]
    for path in ("{inside}/new", "{hidden}/new"):
        try:
            open(path, "w").close()
            seen.append("writable")
        except OSError as error:
            seen.append(error.strerror)
    return seen
"""
    setup = {"binds": [{"from": str(outside), "to": str(inside), "ro": True}], "tmpfs": [str(hidden)]}
    _, address, _output = serve(zygote, code, setup=setup)
    assert ask(address).json == ["value", [], "Read-only file system", "writable"]
    assert os.listdir(inside) == []  # only the instance sees it
    assert os.listdir(hidden) == ["secret"]


@needs_namespaces
def test_detach_takes_a_mount_away(zygote):
    target = zygote.folder / "mounted"
    source = zygote.folder / "source"
    source.mkdir()
    (source / "x").touch()
    setup = {"binds": [{"from": str(source), "to": str(target)}], "detach": [str(target)]}
    _, address, _output = serve(zygote, f"import os\ndef main(): return os.listdir('{target}')", setup=setup)
    assert ask(address).json == []


@needs_namespaces
def test_a_failing_mount_is_answered(zygote):
    answer, _, _output = zygote.fork("bad", {"binds": [{"from": "/nowhere/here", "to": str(zygote.folder / "to")}]})
    assert "mount /nowhere/here on" in answer["error"] and "No such file or directory" in answer["error"]


def refuse_sync():
    """BPF in base64 that refuses sync(2) of this machine with errno 71 and allows the rest."""
    number = {"x86_64": 162, "aarch64": 81}[os.uname().machine]
    program = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | 71), (0x06, 0, 0, 0x7FFF0000)]
    return base64.b64encode(b"".join(struct.pack("=HBBI", *one) for one in program)).decode()


def test_a_system_call_filter_is_in_force_in_the_instance_and_its_children_only(zygote):
    code = """
import ctypes, subprocess, sys
TRY = "import ctypes; l = ctypes.CDLL(None, use_errno=True); ctypes.set_errno(0); l.syscall(%d); print(ctypes.get_errno())"
def main():
    libc = ctypes.CDLL(None, use_errno=True)
    ctypes.set_errno(0)
    libc.syscall(NUMBER)
    mode = [l.split()[1] for l in open("/proc/self/status") if l.startswith("Seccomp:")]
    return [mode, ctypes.get_errno(), subprocess.run([sys.executable, "-c", TRY % NUMBER], capture_output=True, text=True).stdout]
""".replace("NUMBER", {"x86_64": "162", "aarch64": "81"}[os.uname().machine])
    _, address, _output = serve(zygote, code, setup={"system_call_filter": refuse_sync()})
    assert ask(address).json == [["2"], 71, "71\n"]
    _, second, _output2 = serve(zygote, code, "two")
    assert ask(second).json == [["0"], 0, "0\n"]


@pytest.mark.parametrize("broken", ["AAAA", "no base64!", base64.b64encode(b"\xff" * 16).decode()])
def test_a_filter_that_cannot_be_installed_ends_the_start(zygote, broken):
    answer, _, _output = zygote.fork("bad", {"system_call_filter": broken})
    assert "Error" in answer["error"] and "pid" not in answer


def test_several_orders_are_answered_whatever_their_sequence(zygote):
    ends = [os.pipe() for _ in range(5)]
    for number, (_, write) in enumerate(ends):
        order = {"op": "fork", "name": f"n{number}", "listen": f"unix:{zygote.folder}/n{number}", "setup": {}, "env": {}}
        zygote.socket.sendmsg([json.dumps(order).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [write, write]))])
    answers = [zygote.receive() for _ in ends]
    assert sorted(a["name"] for a in answers) == [f"n{i}" for i in range(5)]
    for answer in answers:
        assert ask(f"unix:{zygote.folder}/{answer['name']}", path="/healthz").status == 200
    for pair in ends:
        for fd in pair:
            os.close(fd)


def test_the_answer_carries_a_descriptor_of_the_process(zygote):
    read, write = os.pipe()
    order = {"op": "fork", "name": "one", "listen": f"unix:{zygote.folder}/one", "setup": {}, "env": {}}
    zygote.socket.sendmsg([json.dumps(order).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [write, write]))])
    data, fds, _, _ = socket.recv_fds(zygote.socket, 1 << 16, 1)
    info = pathlib.Path(f"/proc/self/fdinfo/{fds[0]}").read_text()
    assert f"Pid:\t{json.loads(data)['pid']}\n" in info
    for fd in (read, write, fds[0]):
        os.close(fd)
