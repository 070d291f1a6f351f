"""KubernetesWatchTriggers on the real API server: what changes is told once and in order, over restarts of either side."""

import collections
import http.client
import http.server
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import cluster_daemon  # noqa: F401  (makes the daemon's module known)
import pods
import pytest
from documents import environment, function, package
from hearth_daemon import Daemon, until

CLUSTER = pathlib.Path(os.environ.get("CLUSTER_DIR") or pathlib.Path(os.environ["KUBECONFIG"]).parent)
CODE = """import urllib.request
from flask import request

def main():
    h = request.headers
    urllib.request.urlopen(urllib.request.Request("{url}", data=request.get_data(), headers={{
        "X-Event": h["X-Kubernetes-Event-Type"], "X-Type": h["X-Kubernetes-Object-Type"],
        "X-Relisted": h.get("X-Hearth-Relisted", "")}}), timeout=5)
    return "told\\n"
"""


class Collector(http.server.ThreadingHTTPServer):
    """What the function tells, in the test's own process, so that it outlives the daemon."""

    daemon_threads = True

    def __init__(self):
        events = self.events = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                events.append((self.headers["X-Event"], body["metadata"]["name"], body, self.headers["X-Relisted"], self.headers["X-Type"]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def words(self, prefix=""):
        return [f"{event} {name}" for event, name, *_ in list(self.events) if name.startswith(prefix)]


class ApiServer:
    """The cluster's API server, killed and started again as it was."""

    def __init__(self):
        self.file = CLUSTER / "run/kube-apiserver.pid"
        self.command = pathlib.Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")[:-1]

    @property
    def pid(self):
        return int(self.file.read_text())

    def running(self):
        try:
            return "\nState:\tZ" not in pathlib.Path(f"/proc/{self.pid}/status").read_text()
        except FileNotFoundError:
            return False

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        until(lambda: not self.running(), "the end of the API server")

    def start(self):
        with open(CLUSTER / "log/kube-apiserver.log", "ab") as log:
            started = subprocess.Popen(self.command, cwd=CLUSTER, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.file.write_text(str(started.pid))

        def ready():
            try:
                return pods.kubectl("get", "--raw", "/readyz")
            except AssertionError:
                return None
        until(ready, "the API server")


def etcd(path, body):
    connection = http.client.HTTPConnection("127.0.0.1", 2379, timeout=20)
    connection.request("POST", path, json.dumps(body))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def compact():
    revision = etcd("/v3/kv/range", {"key": "AA=="})["header"]["revision"]
    etcd("/v3/kv/compaction", {"revision": revision, "physical": True})


@pytest.fixture
def collector():
    one = Collector()
    yield one
    one.shutdown()
    one.server_close()


@pytest.fixture
def daemon(restricted, tmp_path):
    """Functions are processes; the cluster is only watched."""
    config = tmp_path / "hearth.yaml"
    config.write_text(json.dumps({"process": {"isolation": "basic"},
                                  "kubernetes": {"kubeconfig": os.environ["KUBECONFIG"], "namespace": restricted}}))
    one = Daemon(arguments=["--config", str(config)]).start()
    yield one
    one.close()


def watch(name, kind, **spec):
    return {"apiVersion": "fission.io/v1", "kind": "KubernetesWatchTrigger", "metadata": {"name": name},
            "spec": {"type": kind, "functionref": {"type": "name", "name": "tell"}, **spec}}


def deploy(daemon, collector, *watches):
    code = CODE.format(url=f"http://127.0.0.1:{collector.server_port}/")
    daemon.apply([environment(), package("tell", {"main.py": code}), function("tell"), *watches])
    for one in watches:
        until(lambda name=one["metadata"]["name"]: status(daemon, name)["conditions"][0]["reason"] == "Subscribed", "the watch")


def status(daemon, name):
    return daemon.api("GET", f"/api/v1/namespaces/default/kuberneteswatchtriggers/{name}").json["status"]


def config_map(namespace, name, value="1", **labels):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "data": {"value": value}}


def test_changes_of_objects_call_the_function(daemon, collector, restricted):
    deploy(daemon, collector, watch("maps", "v1/ConfigMap", labelselector={"watched": "yes"}),
           watch("deletions", "v1/ConfigMap", events=["DELETED"], fieldselector="metadata.name=w-b"))
    pods.apply(config_map(restricted, "w-a", watched="yes"), config_map(restricted, "w-b"))
    until(lambda: "ADDED w-a" in collector.words(), "the first event")
    pods.apply(config_map(restricted, "w-a", "2", watched="yes"))
    pods.kubectl("-n", restricted, "delete", "configmap", "w-a", "w-b")
    until(lambda: "DELETED w-a" in collector.words() and "DELETED w-b" in collector.words(), "the deletions")
    assert [w for w in collector.words("w-a")] == ["ADDED w-a", "MODIFIED w-a", "DELETED w-a"]
    assert collector.words("w-b") == ["DELETED w-b"]
    event, _, body, relisted, kind = next(e for e in collector.events if e[0] == "MODIFIED")
    assert body["kind"] == "ConfigMap" and body["data"]["value"] == "2" and kind == "ConfigMap" and relisted == ""
    assert status(daemon, "maps")["delivered"] == 3


def test_a_pod_as_fission_names_it(daemon, collector, restricted):
    deploy(daemon, collector, watch("pods", "POD", namespace=restricted))
    spec = {"nodeSelector": {"never": "there"}, "containers": [{"name": "c", "image": "none", "securityContext": {
        "allowPrivilegeEscalation": False, "runAsNonRoot": True, "runAsUser": 10001, "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"}}}]}
    pods.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "w-pod", "namespace": restricted}, "spec": spec})
    until(lambda: "ADDED w-pod" in collector.words(), "the pod")
    pods.kubectl("-n", restricted, "delete", "pod", "w-pod", "--force", "--grace-period=0")
    until(lambda: "DELETED w-pod" in collector.words(), "its end")


def test_nothing_is_lost_over_restarts_of_daemon_and_api_server(daemon, collector, restricted):
    deploy(daemon, collector, watch("maps", "v1/ConfigMap"))
    server = ApiServer()
    names = []

    def make(count):
        fresh = [f"r-{len(names) + i}" for i in range(count)]
        pods.apply(*[config_map(restricted, name) for name in fresh])
        names.extend(fresh)

    make(5)
    until(lambda: len(collector.words("r-")) >= 5, "the first five")
    server.kill()
    time.sleep(1)
    server.start()
    make(5)
    until(lambda: len(collector.words("r-")) >= 10, "those after the server's restart", 60)
    daemon.kill()
    make(5)
    pods.kubectl("-n", restricted, "delete", "configmap", "r-0")
    daemon.start()
    until(lambda: "DELETED r-0" in collector.words() and len(collector.words("r-")) >= 16, "what came while the daemon was away")
    found = collections.Counter(collector.words("r-"))
    assert set(found) == {f"ADDED {name}" for name in names} | {"DELETED r-0"}
    # At least once: only what was on its way when the daemon was killed may come again.
    assert sum(found.values()) <= len(found) + 1
    # An API server that has just started may know no past to go on from; then a list tells the differences.
    assert status(daemon, "maps")["relists"] <= 2


def test_a_watch_that_has_to_list_anew_says_so(daemon, collector, restricted):
    deploy(daemon, collector, watch("maps", "v1/ConfigMap"))
    pods.apply(config_map(restricted, "c-a"), config_map(restricted, "c-b"))
    until(lambda: len(collector.words("c-")) >= 2, "the events")
    assert daemon.terminate() == 0
    pods.apply(config_map(restricted, "c-a", "2"), config_map(restricted, "c-c"))
    pods.kubectl("-n", restricted, "delete", "configmap", "c-b")
    compact()
    server = ApiServer()
    server.kill()  # its cache of the past would serve the watch
    server.start()
    daemon.start()
    until(lambda: len(collector.words("c-")) >= 5, "the differences")
    assert sorted(collector.words("c-")[2:]) == ["ADDED c-c", "DELETED c-b", "MODIFIED c-a"]
    assert [e[3] for e in collector.events if e[0] == "DELETED" and e[1] == "c-b"] == ["true"]
    until(lambda: status(daemon, "maps")["relists"] == 1, "the list in the status")
    assert "lastRelist" in status(daemon, "maps")


def test_what_may_not_be_watched_is_said(daemon, collector):
    daemon.apply([environment(), package("tell", {"main.py": "def main(): return 'x'"}), function("tell"),
                  watch("others", "v1/Secret", namespace="kube-system"), watch("toasters", "v1/Toaster"),
                  watch("nodes", "v1/Node")])
    wanted = {"others": ("Forbidden", "kubernetes.watchNamespaces"), "toasters": ("StartFailed", "no kind Toaster"),
              "nodes": ("StartFailed", "allNamespaces")}
    for name, (reason, text) in wanted.items():
        condition = until(lambda name=name, reason=reason: next(
            (c for c in status(daemon, name)["conditions"] if c["reason"] == reason), None), name)
        assert text in condition["message"], condition
