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

import environment_under_test as eut
import runtime_under_test as rut

LIMIT = 30
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces, users and capabilities need root")


def namespaces_work():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-mpf", "true"], capture_output=True, check=False).returncode == 0


needs_namespaces = pytest.mark.skipif(not namespaces_work(), reason="needs mount and pid namespaces")


class Zygote:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="zygote-"))
        self.folder.chmod(0o755)
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(LIMIT)
        environment = eut.Environment("ruby")
        command = [word.replace("${ENV_DIR}", str(environment.folder)) for word in environment.spec["zygote"]]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                                        env={**os.environ, "HEARTH_ZYGOTE_FD": str(theirs.fileno())})
        theirs.close()
        assert self.receive() == {"ready": True}

    def receive(self):
        data, fds, _, _ = socket.recv_fds(self.socket, 1 << 20, 1)
        for fd in fds:
            os.close(fd)
        return json.loads(data)

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
        order = {"op": "fork", "name": name, "listen": address, "setup": setup or {}, "env": {"HEARTH_LOG": "json", **(env or {})}}
        answer = self.send(order, [write, write])
        os.close(write)
        return answer, address, os.fdopen(read, "r")

    def close(self):
        self.socket.close()
        try:
            return self.process.wait(LIMIT)
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


def serve(zygote, body, name="one", setup=None, before=""):
    answer, address, output = zygote.fork(name, setup)
    assert "error" not in answer, answer
    folder = pathlib.Path(tempfile.mkdtemp(dir=zygote.folder))
    folder.chmod(0o755)
    (folder / "handler.rb").write_text(f"{before}\ndef handler\n{body}\nend\n", encoding="utf-8")
    loaded = ask(address, "POST", "/v2/specialize", json.dumps({"filepath": str(folder), "functionName": ""}))
    assert loaded.status == 200, loaded.text
    return answer["pid"], address, output


def wait_until_gone(pid):
    end = time.monotonic() + LIMIT
    while os.path.exists(f"/proc/{pid}/exe") and state(pid) != "Z":
        assert time.monotonic() < end, f"process {pid} is still there"


def state(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def test_an_instance_serves_and_its_output_has_request_ids(zygote):
    _, address, output = serve(zygote, "puts 'printed'\n'forked'")
    assert ask(address).text == "forked"
    assert json.loads(output.readline()) == {"hearth": 1, "stream": "out", "request_id": "z1", "message": "printed"}


def test_instances_are_separate(zygote):
    _, first, _one = serve(zygote, "'first'", "one")
    _, second, _two = serve(zygote, "(Object.private_instance_methods(false) & [:other]).inspect", "two")
    assert (ask(first).text, ask(second).text) == ("first", "[]")


@pytest.mark.parametrize("order, fds, text", [
    (b"{", 2, "ParserError"),
    ({"op": "dance", "name": "x"}, 2, "unknown op"),
    ({"op": "fork", "name": "x", "listen": "unix:/tmp/zygote-test-x"}, 0, "2 descriptors"),
    ({"op": "fork", "name": "x"}, 2, "listen"),
    ({"op": "fork", "name": "x", "listen": "http://x"}, 2, "must be unix:/path or tcp:host:port"),
    ({"op": "fork", "name": "x", "listen": "unix:/nowhere/at/all"}, 2, "Errno::ENOENT"),
    ({"op": "fork", "name": "x", "listen": "unix:/tmp/zygote-test-x", "setup": {"rlimits": {"BOGUS": 1}}}, 2, "rlimits.BOGUS is no resource limit"),
    ({"op": "fork", "name": "x", "listen": "unix:/tmp/zygote-test-x", "setup": {"cgroup_procs": ["/nowhere/procs"]}}, 2, "/nowhere/procs"),
    ({"op": "fork", "name": "x", "listen": "unix:/tmp/zygote-test-x", "setup": {"system_call_filter": "AAAA"}}, 2, "no sequence of BPF"),
    ({"op": "fork", "name": "x", "listen": "unix:/tmp/zygote-test-x", "setup": {"system_call_filter": base64.b64encode(b"\xff" * 16).decode()}}, 2,
     "install the system call filter"),
])
def test_failures_are_answered_and_the_next_order_works(zygote, order, fds, text):
    null = os.open(os.devnull, os.O_RDWR)
    answer = zygote.send(order, [null] * fds)
    os.close(null)
    assert text in answer["error"]
    _, address, _output = serve(zygote, "'fine'")
    assert ask(address).text == "fine"
    pathlib.Path("/tmp/zygote-test-x").unlink(missing_ok=True)


def test_limits_are_in_force(zygote):
    _, address, _output = serve(zygote, "{ n: Process.getrlimit(:NOFILE), c: Process.getrlimit(:CORE) }", setup={"rlimits": {"NOFILE": 123, "CORE": 0}})
    assert ask(address).json == {"n": [123, 123], "c": [0, 0]}


def test_instances_die_with_the_zygote(zygote):
    pid, _, _output = serve(zygote, "''")
    zygote.process.kill()
    zygote.process.wait(LIMIT)
    wait_until_gone(pid)


def test_end_of_the_socket_ends_zygote_instances_and_their_children(zygote):
    pid, address, _output = serve(zygote, "spawn('sleep 300').to_s")
    child = int(ask(address).text)
    assert zygote.close() == 0
    wait_until_gone(pid)
    wait_until_gone(child)


@pytest.mark.parametrize("how, status", [(signal.SIGTERM, 0), (signal.SIGKILL, 9)])
def test_ended_instances_are_reaped_and_told(zygote, how, status):
    pid, _, _output = serve(zygote, "''")
    os.kill(pid, how)
    assert zygote.receive() == {"name": "one", "pid": pid, "status": status}
    assert not os.path.exists(f"/proc/{pid}")


def test_sigterm_ends_a_forked_instance_in_order(zygote):
    pid, _, output = serve(zygote, "''", before="at_exit { puts 'bye' }")
    os.kill(pid, signal.SIGTERM)
    assert json.loads(output.readline())["message"] == "bye"


def test_no_descriptor_of_the_zygote_reaches_an_instance(zygote):
    pid, first, _one = serve(zygote, "''", "one")
    others = rut.sockets_of(zygote.process.pid) | rut.sockets_of(pid)
    assert len(others) >= 2, others  # the zygote's own, and the first instance's listener
    _, address, _two = serve(zygote, "{ l: Dir.children('/proc/self/fd').map { |fd| File.readlink(\"/proc/self/fd/#{fd}\") rescue '' } }", "two")
    links = ask(address).json["l"]
    assert any("socket:" in link for link in links) and not others & set(links), (others, links)
    assert not any("pidfd" in link for link in links), links
    assert ask(first).status == 200


@needs_root
def test_every_thread_is_without_rights(zygote):
    body = "{ t: Dir.glob('/proc/self/task/*/status').map { |file| File.read(file) } }"
    _, address, _output = serve(zygote, body, setup={"uid": 65534, "gid": 65533, "system_call_filter": refuse_sync()})
    threads = [dict(line.split(":\t", 1) for line in one.splitlines() if ":\t" in line) for one in ask(address).json["t"]]
    assert threads
    for thread in threads:
        assert (thread["Uid"].split(), thread["Gid"].split(), thread["Groups"].split()) == (["65534"] * 4, ["65533"] * 4, [])
        assert (thread["NoNewPrivs"], thread["Seccomp"]) == ("1", "2")
        assert all(int(thread[kind], 16) == 0 for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))


def refuse_sync():
    """BPF in base64 that refuses sync(2) of this machine with errno 71 and allows the rest."""
    number = {"x86_64": 162, "aarch64": 81}[os.uname().machine]
    program = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | 71), (0x06, 0, 0, 0x7FFF0000)]
    return base64.b64encode(b"".join(struct.pack("=HBBI", *one) for one in program)).decode()


def test_a_system_call_filter_is_in_force_in_the_instance_only(zygote):
    number = {"x86_64": 162, "aarch64": 81}[os.uname().machine]
    body = f"syscall({number})\n'allowed'\nrescue SystemCallError => e\n  e.errno.to_s"
    _, address, _output = serve(zygote, body, setup={"system_call_filter": refuse_sync()})
    assert ask(address).text == "71"
    _, second, _output2 = serve(zygote, body, "two")
    assert ask(second).text == "allowed"


@needs_namespaces
def test_pid_namespace(zygote):
    body = "{ pid: Process.pid, all: Dir.children('/proc').grep(/\\A\\d+\\z/) }"
    pid, address, _output = serve(zygote, body, setup={"pid_namespace": True})
    assert ask(address).json == {"pid": 1, "all": ["1"]}
    os.kill(pid, signal.SIGTERM)  # process 1 of a namespace has no default action: the loader handles it
    wait_until_gone(pid)
    _, second, _output2 = serve(zygote, body, "two", setup={"pid_namespace": True})
    assert ask(second).json["pid"] == 1


@needs_namespaces
def test_mounts(zygote):
    for name, file in (("outside", "key"), ("hidden", "secret"), ("source", "x")):
        (zygote.folder / name).mkdir()
        (zygote.folder / name / file).write_text("value")
    inside, hidden, gone = zygote.folder / "inside/deep", zygote.folder / "hidden", zygote.folder / "gone"
    body = f"""
  tries = ['{inside}/new', '{hidden}/new'].map {{ |path| File.write(path, '') && 'writable' rescue $!.class.name }}
  {{ seen: [File.read('{inside}/key'), Dir.children('{hidden}') - ['new'], Dir.children('{gone}'), *tries] }}"""
    setup = {"binds": [{"from": str(zygote.folder / "outside"), "to": str(inside), "ro": True}, {"from": str(zygote.folder / "source"), "to": str(gone)}],
             "tmpfs": [str(hidden)], "detach": [str(gone)]}
    _, address, _output = serve(zygote, body, setup=setup)
    assert ask(address).json["seen"] == ["value", [], [], "Errno::EROFS", "writable"]
    assert os.listdir(inside) == []  # only the instance sees it
    assert os.listdir(hidden) == ["secret"]


@needs_namespaces
def test_a_failing_mount_is_answered(zygote):
    answer, _, _output = zygote.fork("bad", {"binds": [{"from": "/nowhere/here", "to": str(zygote.folder / "to")}]})
    assert "mount /nowhere/here on" in answer["error"] and "No such file or directory" in answer["error"]


def test_several_orders_are_answered_whatever_their_sequence(zygote):
    pairs = [os.pipe() for _ in range(5)]
    for number, (_, write) in enumerate(pairs):
        order = {"op": "fork", "name": f"n{number}", "listen": f"unix:{zygote.folder}/n{number}", "setup": {}, "env": {}}
        zygote.socket.sendmsg([json.dumps(order).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [write, write]))])
    answers = [zygote.receive() for _ in pairs]
    assert sorted(a["name"] for a in answers) == [f"n{i}" for i in range(5)]
    for answer in answers:
        assert ask(f"unix:{zygote.folder}/{answer['name']}", path="/healthz").status == 200
    for fd in (fd for pair in pairs for fd in pair):
        os.close(fd)


def test_the_answer_carries_a_descriptor_of_the_process(zygote):
    null = os.open(os.devnull, os.O_RDWR)
    order = {"op": "fork", "name": "one", "listen": f"unix:{zygote.folder}/one", "setup": {}, "env": {}}
    zygote.socket.sendmsg([json.dumps(order).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null, null]))])
    data, fds, _, _ = socket.recv_fds(zygote.socket, 1 << 16, 1)
    assert f"Pid:\t{json.loads(data)['pid']}\n" in pathlib.Path(f"/proc/self/fdinfo/{fds[0]}").read_text()
    for fd in (null, fds[0]):
        os.close(fd)
