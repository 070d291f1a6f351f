"""A real S3-compatible server for the tests: Versity's gateway over a folder, which checks every signature."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from hearth_daemon import ROOT, until

MODULE = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
CACHED = ROOT / "build/tools/versitygw"
KEY, SECRET = "hearth-test", "a/secret+of=the tests"


def program():
    """(path, None), or (None, why there is none). Built once, into build/tools."""
    for found in (os.environ.get("HEARTH_S3_SERVER"), shutil.which("versitygw"), CACHED):
        if found and pathlib.Path(found).exists():
            return pathlib.Path(found), None
    if not shutil.which("go"):
        return None, "there is no versitygw, and no Go to build it"
    CACHED.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["go", "install", MODULE], capture_output=True, text=True, timeout=900, check=False,
                          env={**os.environ, "GOBIN": str(CACHED.parent), "GOFLAGS": "-mod=mod"})
    return (CACHED, None) if done.returncode == 0 else (None, f"{MODULE} cannot be built: {done.stderr[-500:]}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class S3Server:
    """Buckets are the folders below `folder`."""

    def __init__(self, path, bucket="packages"):
        self.path, self.bucket = path, bucket
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="hearth-s3-"))
        self.folder = self.home / "buckets"
        self.port, self.process = free_port(), None
        (self.folder / bucket).mkdir(parents=True)
        (self.home / "sidecar").mkdir()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        with open(self.home / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.path, "--access", KEY, "--secret", SECRET, "--port", f"127.0.0.1:{self.port}", "posix",
                 "--sidecar", self.home / "sidecar", self.folder],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._listens, "the S3 server")
        return self

    def _listens(self):
        assert self.process.poll() is None, (self.home / "log").read_text(errors="replace")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def close(self):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def objects(self, prefix=""):
        folder = self.folder / self.bucket / prefix
        return sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
