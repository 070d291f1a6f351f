"""The programs that `up` started, in a test's hands: frozen, killed, started again."""

import os
import pathlib
import signal
import subprocess
import time

import pods

FOLDER = pathlib.Path(os.environ.get("CLUSTER_DIR") or pathlib.Path(os.environ.get("KUBECONFIG", "/nowhere")).parent)


class Program:
    def __init__(self, name):
        self.name = name
        self.file = FOLDER / f"run/{name}.pid"
        self.command = pathlib.Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")[:-1]

    @property
    def pid(self):
        return int(self.file.read_text())

    def runs(self):
        try:
            return "\nState:\tZ" not in pathlib.Path(f"/proc/{self.pid}/status").read_text()
        except FileNotFoundError:
            return False

    def freeze(self):
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        """As the loss of its machine would: it says goodbye to nobody."""
        os.kill(self.pid, signal.SIGKILL)
        while self.runs():
            time.sleep(0.02)

    def start(self):
        with open(FOLDER / f"log/{self.name}.log", "ab") as log:
            process = subprocess.Popen(self.command, cwd=FOLDER, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        self.file.write_text(f"{process.pid}\n")

    def mend(self):
        """Whatever a failed test has left."""
        if self.runs():
            self.thaw()
        else:
            self.start()


def await_api_server():
    end = time.monotonic() + pods.LIMIT
    while subprocess.run(["kubectl", "get", "--raw", "/readyz"], capture_output=True, check=False).returncode != 0:
        assert time.monotonic() < end, "the API server does not become ready"
        time.sleep(0.1)


def kill_container(pod, name):
    """SIGKILL to the first process of a pod's container."""
    [wanted] = [one["containerID"].split("://")[1] for one in pod["status"]["containerStatuses"] if one["name"] == name]
    listed = subprocess.run(["ctr", "-a", str(FOLDER / "run/containerd.sock"), "-n", "k8s.io", "tasks", "ls"],
                            capture_output=True, text=True, timeout=pods.LIMIT, check=True).stdout
    [pid] = [int(line.split()[1]) for line in listed.splitlines() if line.startswith(wanted)]
    os.kill(pid, signal.SIGKILL)


def give_next(address):
    """The next pod's network gets this address, if it is free."""
    head, last = address.rsplit(".", 1)
    (FOLDER / "run/networks/bridge/last_reserved_ip.0").write_text(f"{head}.{int(last) - 1}")
