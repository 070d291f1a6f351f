"""Starts daemons for the benchmarks and reads what they cost."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("HEARTH_BINARY", ROOT / "build/release/hearth")).resolve()


class Daemon:
    """One `hearth serve` in a temporary folder."""

    def __init__(self, folder=None, env=None, args=()):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="hearth-bench-"))
        self.env = dict(os.environ, HEARTH_LOG__LEVEL="warn", **(env or {}))
        self.args = list(args)
        self.process = None

    def start(self):
        endpoints = self.folder / "run/endpoints.json"
        endpoints.unlink(missing_ok=True)
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", self.folder, "--gateway", "127.0.0.1:0", "--api", "127.0.0.1:0", *self.args],
            env=self.env, stderr=open(self.folder / "stderr.log", "ab"), start_new_session=True)
        while not endpoints.exists():
            if self.process.poll() is not None:
                raise RuntimeError("the daemon ended: " + (self.folder / "stderr.log").read_text()[-2000:])
            if time.perf_counter() - began > 60:
                raise RuntimeError("the daemon does not serve")
            time.sleep(0.001)
        addresses = json.loads(endpoints.read_text())
        self.gateway, self.api = addresses["gateway"], addresses["api"]
        self.token = (self.folder / "run/admin-token").read_text().strip()
        while self.request("GET", "/readyz")[0] != 200:
            time.sleep(0.001)
        self.start_seconds = time.perf_counter() - began
        return self

    def request(self, method, path, body=None, content_type="application/yaml"):
        connection = http.client.HTTPConnection(self.api, timeout=120)
        headers = {"Authorization": "Bearer " + self.token}
        if body is not None:
            headers["Content-Type"] = content_type
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data

    def apply(self, documents, query=""):
        status, data = self.request("POST", "/api/v1/apply" + query, json.dumps(documents), "application/json")
        if status != 200:
            raise RuntimeError(f"apply: {status} {data[:2000]!r}")
        return json.loads(data)

    def instances(self):
        return json.loads(self.request("GET", "/api/v1/instances")[1])["items"]

    def pools(self):
        return json.loads(self.request("GET", "/api/v1/pools")[1])["items"]

    def wait_warm(self, count, environment, seconds=30):
        end = time.time() + seconds
        while time.time() < end:
            if sum(p["warm"] for p in self.pools() if p["environment"] == environment) >= count:
                return
            time.sleep(0.005)
        raise RuntimeError(f"{environment}: no {count} warm instances: {self.pools()}")

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def rss_mib(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0

    def stop(self, remove=True):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if remove:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def cpu_seconds(pid):
    """User and system time of a process, its threads included."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Client:
    """One keep-alive connection; times a request to the last byte of its answer."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path, extra=""):
        """Status, seconds, head and body."""
        request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n{extra}\r\n".encode()
        began = time.perf_counter()
        self.socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.socket.recv(65536)
            if not piece:
                raise RuntimeError("connection closed: " + repr(data))
            data += piece
        head, body = data.split(b"\r\n\r\n", 1)
        lower = head.lower()
        if b"content-length:" in lower:
            length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            while len(body) < length:
                body += self.socket.recv(65536)
        elif b"chunked" in lower:
            while not body.endswith(b"0\r\n\r\n"):
                body += self.socket.recv(65536)
        seconds = time.perf_counter() - began
        return int(head.split()[1]), seconds, head, body


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values):
    return statistics.median(values)


def milliseconds(seconds):
    return f"{seconds * 1000:.2f} ms"


def function_documents(name, environment, files, spec=None, route=None):
    """Package, Function and route of one function."""
    package = {"apiVersion": "hearth/v1", "kind": "Package", "metadata": {"name": name},
               "spec": {"environment": {"name": environment}, "deployment": {"type": "files", "files": files}}}
    function = {"apiVersion": "hearth/v1", "kind": "Function", "metadata": {"name": name},
                "spec": {"environment": {"name": environment}, "package": {"packageref": {"name": name}},
                         **(spec or {})}}
    trigger = {"apiVersion": "hearth/v1", "kind": "HTTPTrigger", "metadata": {"name": name},
               "spec": {"relativeurl": route or f"/{name}", "methods": ["GET", "POST"],
                        "functionref": {"type": "name", "name": name}}}
    return [package, function, trigger]


def environment_document(name, image, poolsize=3, **runtime):
    return {"apiVersion": "hearth/v1", "kind": "Environment", "metadata": {"name": name},
            "spec": {"version": 3, "poolsize": poolsize, "runtime": {"image": image, **runtime}}}
