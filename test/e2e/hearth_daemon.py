"""One real daemon in a folder of its own, and the ways people reach it: REST, gateway, command line."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("HEARTH_BINARY", ROOT / "build/release/hearth")).resolve()
LIMIT = 60  # seconds any single wait may take before the test fails


def until(condition, what, limit=LIMIT):
    """The first true value of condition(); fails naming `what` past the limit."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {limit} s in vain for {what}"
        time.sleep(0.01)


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:2000]!r}>"


class Outcome:
    """What a command line call has printed and its exit code."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"<exit {self.code}\nout: {self.out}\nerr: {self.err}>"


class Daemon:
    def __init__(self, folder=None, env=None, arguments=()):
        self.own_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="hearth-e2e-"))
        self.env = {**{k: v for k, v in os.environ.items() if not k.startswith("HEARTH_")}, **(env or {})}
        self.arguments = list(arguments)
        self.process = None
        self.log_path = self.folder.parent / (self.folder.name + ".log")

    def launch(self, env=None):
        """Starts the process without waiting for it."""
        (self.folder / "run/endpoints.json").unlink(missing_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--data", self.folder, "--gateway", "127.0.0.1:0", "--api", "127.0.0.1:0", *self.arguments],
                env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        return self

    def start(self, env=None):
        self.launch(env)
        until(lambda: self._endpoints_known() or self._ended(), "the addresses of the daemon")
        until(lambda: self._ready() or self._ended(), "readiness")
        return self

    def _ended(self):
        assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}:\n{self.log()[-4000:]}"
        return False

    def _endpoints_known(self):
        try:
            found = json.loads((self.folder / "run/endpoints.json").read_text())
        except (FileNotFoundError, ValueError):
            return False
        self.gateway, self.api_address = found["gateway"], found["api"]
        self.token = (self.folder / "run/admin-token").read_text().strip()
        return True

    def _ready(self):
        try:
            return self.api("GET", "/readyz", token=None).status == 200
        except OSError:
            return False

    def log(self):
        return self.log_path.read_text(errors="replace")

    def _request(self, address, method, path, body, headers, timeout):
        connection = http.client.HTTPConnection(address, timeout=timeout)
        try:
            try:
                connection.request(method, path, body=body, headers=headers)
            except BrokenPipeError:
                pass  # answered before it had the whole body
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def api(self, method, path, body=None, content_type=None, token="admin", headers=None, timeout=LIMIT):
        """A REST call; str and bytes bodies are sent as they are (YAML unless told otherwise), others as JSON."""
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + (self.token if token == "admin" else token)
        if body is not None and not isinstance(body, (str, bytes)):
            body, content_type = json.dumps(body), content_type or "application/json"
        if body is not None:
            headers.setdefault("Content-Type", content_type or "application/yaml")
        if isinstance(body, str):
            body = body.encode()
        return self._request(self.api_address, method, path, body, headers, timeout)

    def apply(self, documents, query=""):
        answer = self.api("POST", "/api/v1/apply" + query, documents)
        assert answer.status == 200, answer
        return answer.json

    def call(self, path="/", method="GET", body=None, headers=None, timeout=LIMIT):
        """A request to the gateway."""
        return self._request(self.gateway, method, path, body, headers or {}, timeout)

    def cli(self, *arguments, stdin=None, env=None, cwd=None, limit=LIMIT):
        done = subprocess.run([BINARY, *map(str, arguments)], input=stdin, capture_output=True, text=True, cwd=cwd,
                              timeout=limit, check=False, env={**self.env, "HEARTH_DATA": str(self.folder), **(env or {})})
        return Outcome(done)

    def cli_ok(self, *arguments, **more):
        outcome = self.cli(*arguments, **more)
        assert outcome.code == 0, outcome
        return outcome

    def instances(self, function=None):
        items = self.api("GET", "/api/v1/instances").json["items"]
        return [i for i in items if function is None or i.get("function") == function]

    def processes(self):
        """Ids of all live processes below the daemon, itself excluded."""
        return descendants(self.process.pid)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT)

    def kill(self):
        self.process.kill()
        self.process.wait(LIMIT)

    def freeze(self):
        """It stays, but sees and does nothing until thaw()."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.thaw()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.log_path.unlink(missing_ok=True)


def descendants(pid):
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                    fields = stat.read().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] != "Z":
                children.setdefault(int(fields[1]), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def resident_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))
