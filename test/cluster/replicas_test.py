"""Two replicas of the daemon on one data folder and one Lease: who leads, what the other does, and how the one follows the other."""

import signal
import socket
import subprocess
import time

import pods
import pytest
from cluster_daemon import PYTHON, ClusterDaemon
from documents import whole
from hearth_daemon import BINARY, LIMIT, until

HOSTS = ("127.0.0.1", "127.0.0.2")
TELLING = "from flask import request\ndef main():\n    return request.headers['X-Forwarded-For']\n"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Replica(ClusterDaemon):
    """Both listen on the same ports, each on an address of its own: a replica finds the leader by address alone."""

    def __init__(self, namespace, folder, host, ports, lease):
        super().__init__(namespace, folder, leaderLease={"enabled": True, "name": lease})
        self.gateway, self.api_address = (f"{host}:{port}" for port in ports)
        self.arguments += ["--gateway", self.gateway, "--api", self.api_address]
        self.log_path = folder.parent / f"{folder.name}-{host}.log"
        self.own_folder = False

    def launch(self, env=None):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([BINARY, "serve", "--data", self.folder, *self.arguments], env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        until(lambda: self.answers("/healthz") or self._ended(), "the listener")
        return self

    def answers(self, path):
        try:
            return self.api("GET", path, token=None).status == 200
        except OSError:
            return False

    def send(self, sign):
        self.process.send_signal(sign)


@pytest.fixture
def pair(restricted, tmp_path):
    folder, ports = tmp_path / "data", (free_port(), free_port())
    folder.mkdir()
    lease = f"replicas-{ports[0]}"
    both = [Replica(restricted, folder, host, ports, lease) for host in HOSTS]
    first, second = both
    first.launch()
    until(lambda: first.answers("/readyz"), "the first leader")
    second.launch()
    until(lambda: second.answers("/readyz"), "the second replica")
    for one in both:
        one.lease = lease
        one.token = (folder / "run/admin-token").read_text().strip()
    first.apply(whole("told", TELLING, image=PYTHON))
    assert first.call("/told").status == 200
    yield both
    for one in both:
        one.send(signal.SIGCONT)
        one.process.kill()
        one.process.wait()
    pods.kubectl("-n", restricted, "delete", "pods", "-l", "hearth.io/daemon=test", "--force", "--grace-period=0")


def holder(one):
    return pods.kubectl("-n", one.namespace, "get", "lease", one.lease, "-o", "jsonpath={.spec.holderIdentity}")


def first_answer(one, path, limit):
    """Seconds until `one` answers; requests meanwhile may wait, and none may fail."""
    began = time.monotonic()
    answer = one.call(path, timeout=limit)
    assert answer.status == 200, answer
    return time.monotonic() - began


def test_the_one_that_waits_passes_on_with_the_clients_address(pair):
    first, second = pair
    assert holder(first).endswith("@127.0.0.1")
    assert second.call("/told").text == "127.0.0.1"
    forged = {"X-Hearth-Relay-Key": "guessed", "X-Hearth-Relay-Peer": "10.9.8.7", "X-Forwarded-For": "10.9.8.7"}
    for one in pair:
        assert one.call("/told", headers=forged).text == "127.0.0.1"
    listed = second.api("GET", "/api/v1/functions")
    assert listed.status == 200, listed
    assert {f["metadata"]["name"] for f in listed.json["items"]} == {"told"}


def test_a_clean_stop_hands_over_within_three_seconds(pair):
    first, second = pair
    first.send(signal.SIGTERM)
    began = time.monotonic()
    until(lambda: first.process.poll() is not None, "the end of the first")
    assert first_answer(second, "/told", LIMIT) < 3
    ended = time.monotonic() - began
    assert holder(second).endswith("@127.0.0.2"), ended
    assert len(second.instances("told")) == 1


def test_a_killed_leader_is_followed_within_seventeen_seconds(pair):
    first, second = pair
    before = first.uids()
    first.process.kill()
    assert first_answer(second, "/told", LIMIT) < 17
    assert before <= second.uids()


def test_a_leader_that_was_frozen_changes_nothing_when_it_goes_on(pair):
    """Its instance has been idle for too long when it goes on: it would end the pod, which is another's by now."""
    first, second = pair
    first.apply(whole("brief", TELLING, image=PYTHON, idletimeout=5))
    assert first.call("/brief").status == 200
    until(lambda: first.pods("hearth.io/function=brief"), "the label of the pod")
    first.send(signal.SIGSTOP)
    until(lambda: holder(second).endswith("@127.0.0.2"), "the second as the holder", 20)
    before = {name: pod["metadata"]["resourceVersion"] for name, pod in second.pods().items()}
    first.send(signal.SIGCONT)
    until(lambda: first.process.poll() is not None, "the end of the one that was frozen")
    assert {name: pod["metadata"]["resourceVersion"] for name, pod in second.pods().items()} == before
    assert "another replica has taken over" in first.log()
    until(lambda: second.answers("/readyz") and second.call("/brief").status == 200, "the second leader's answer")
