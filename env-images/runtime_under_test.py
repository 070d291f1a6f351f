"""Starts a language environment as its own process, as its env.yaml says, and talks to it over its socket."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import environment_under_test

ROOT = environment_under_test.ROOT
PYTHON = environment_under_test.Environment("python").command
NODE = environment_under_test.Environment("nodejs").command
START_LIMIT = 30


class Connection(http.client.HTTPConnection):
    def __init__(self, address, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.address = address

    def connect(self):
        if self.address.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            self.sock.connect(self.address[5:])
        else:
            host, port = self.address[4:].rsplit(":", 1)
            self.sock = socket.create_connection((host, int(port)), self.timeout)


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)


def request(connection, method, path, body=None, headers=None):
    connection.request(method, path, body=body, headers=headers or {})
    response = connection.getresponse()
    return Answer(response, response.read())


def sockets_of(pid):
    """The sockets of a process, each as its descriptor's link names it; one that is closed meanwhile is left out."""
    links = set()
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.add(os.readlink(descriptor))
    return {link for link in links if link.startswith("socket:")}


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp:127.0.0.1:{probe.getsockname()[1]}"


class Runtime:
    """One instance. `records()` and `plain(stream)` are what it has written; wait_for_message() waits for a line."""

    def __init__(self, command, json_log=True, env=None, listen=None, base_env=None, tcp=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="runtime-"))
        self.address = listen or (free_address() if tcp else f"unix:{self.folder}/socket")
        (self.folder / "tmp").mkdir()
        environment = {**os.environ, "TMPDIR": str(self.folder / "tmp"), **(base_env or {}),
                       "HEARTH_LISTEN": self.address, **(env or {})}
        environment.pop("HEARTH_LOG", None)
        if json_log:
            environment["HEARTH_LOG"] = "json"
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, start_new_session=True)
        self._lines = []
        self._changed = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=(name, pipe), daemon=True)
                         for name, pipe in (("out", self.process.stdout), ("err", self.process.stderr))]
        for reader in self._readers:
            reader.start()
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.close()
            raise

    def _read(self, name, pipe):
        for raw in pipe:
            line = raw.decode("utf-8", "backslashreplace").rstrip("\n")
            with self._changed:
                self._lines.append((name, line))
                self._changed.notify_all()

    def _wait_until_it_answers(self):
        end = time.monotonic() + START_LIMIT
        while True:
            try:
                if self.call("GET", "/healthz").status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            assert self.process.poll() is None, f"the runtime ended at start: {self._lines}"
            assert time.monotonic() < end, f"the runtime does not answer: {self._lines}"
            time.sleep(0.02)

    def code(self, files):
        """Writes {path: text or bytes} as a package folder and returns it."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="code-", dir=self.folder))
        for path, content in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(folder)

    def connect(self):
        return Connection(self.address)

    def call(self, method="GET", path="/", body=None, headers=None):
        connection = self.connect()
        try:
            return request(connection, method, path, body, headers)
        finally:
            connection.close()

    def specialize(self, filepath, entry="", **more):
        order = {"filepath": str(filepath), "functionName": entry, "url": "", "FunctionMetadata": {"name": "f"},
                 "envVersion": 3, **more}
        return self.call("POST", "/v2/specialize", json.dumps(order), {"Content-Type": "application/json"})

    def load(self, files, entry="", **more):
        return self.load_folder(self.code(files), entry, **more)

    def load_folder(self, folder, entry="", **more):
        answer = self.specialize(folder, entry, **more)
        assert 200 <= answer.status < 300, answer.text
        return self

    def records(self):
        """JSON log lines so far."""
        with self._changed:
            return [json.loads(line) for name, line in self._lines if name == "out" and line.startswith('{"hearth"')]

    def plain(self, stream):
        with self._changed:
            return [line for name, line in self._lines if name == stream]

    def wait_for(self, condition, what):
        with self._changed:
            met = self._changed.wait_for(lambda: condition(self), timeout=START_LIMIT)
            assert met, f"no {what} in {self._lines}"

    def wait_for_message(self, part):
        self.wait_for(lambda r: any(part in m["message"] for m in r.records()), f"message with {part!r}")
        return next(m for m in self.records() if part in m["message"])

    def processes(self):
        """Process ids of the instance: the one started and what it started in turn."""
        found = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
            except OSError:
                continue  # ended meanwhile
            if int(fields[3]) == self.process.pid:
                found.append(int(stat.parent.name))
        return found

    def peak_memory(self):
        """Largest resident size in bytes that its processes had, summed up."""
        peak = 0
        for pid in self.processes():
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            except OSError:
                continue
            peak += sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
        return peak

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_LIMIT)

    def close(self):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        for reader in self._readers:
            reader.join(START_LIMIT)
        shutil.rmtree(self.folder, ignore_errors=True)
