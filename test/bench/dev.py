"""`hearth dev`: from a saved file to the first new answer of the gateway, by polling it."""

import http.client
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from harness import BINARY, Daemon, median, milliseconds, percentile
from report import Row

SAVES = 20
SOURCES = {
    "Python": ("python", "main.py", "def main():\n    return 'v{}'\n"),
    "Node.js": ("nodejs", "index.js", "module.exports = async () => ({{status: 200, body: 'v{}'}});\n"),
}


class Session:
    """A running `hearth dev` of one folder."""

    def __init__(self, daemon, file, text):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-dev-")) / "loop"
        self.folder.mkdir()
        self.file, self.text, self.gateway = self.folder / file, text, daemon.gateway
        self.file.write_text(text.format(0))
        self.process = subprocess.Popen([BINARY, "dev", self.folder, "--rm"], stdout=subprocess.DEVNULL,
                                        env={**os.environ, "HEARTH_DATA": str(daemon.folder)})

    def answer(self):
        connection = http.client.HTTPConnection(self.gateway, timeout=30)
        connection.request("GET", "/loop")
        body = connection.getresponse().read().decode()
        connection.close()
        return body

    def wait_for(self, number, limit=60):
        end = time.perf_counter() + limit
        while self.answer() != f"v{number}":
            if time.perf_counter() > end:
                raise RuntimeError(f"{self.file.name}: version {number} does not answer")
            time.sleep(0.002)

    def save(self, number):
        """The way most editors save: a new file renamed over the old one."""
        beside = self.folder / (self.file.name + ".tmp")
        beside.write_text(self.text.format(number))
        began = time.perf_counter()
        os.rename(beside, self.file)
        self.wait_for(number)
        return time.perf_counter() - began

    def close(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


def run_dev():
    rows = []
    for language, (environment, file, text) in SOURCES.items():
        with Daemon() as daemon:
            session = Session(daemon, file, text)
            try:
                session.wait_for(0)
                samples = []
                for number in range(1, SAVES + 1):
                    daemon.wait_warm(3, environment)  # a person saves more slowly than a pool fills
                    samples.append(session.save(number))
            finally:
                session.close()
            rows.append(Row(f"hearth dev, {language}: saved file to new answer, p50 / p95",
                            f"{milliseconds(median(samples))} / {milliseconds(percentile(samples, .95))}", "≤ 150 ms",
                            median(samples) <= .15, {"samples": samples}))
    return rows
