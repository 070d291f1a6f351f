"""What goes wrong in a cluster, under load: each test counts the requests that were lost, and who is to blame for each."""

import json
import time

import load
import pods
import pytest
from cluster_daemon import PYTHON, answer_of, python
from control_plane import await_api_server, give_next, kill_container
from documents import environment, function, package, route
from hearth_daemon import until

SERVED = "import time\ndef main():\n    time.sleep(0.03)\n    return 'ok'\n"
IN_PARALLEL = {"requestsPerPod": 5, "concurrency": 4}
# A container that never answers on the environment's port, and one that answers everything.
SILENT = ["/usr/bin/python3", "-c", "import time\nprint('not yet', flush=True)\ntime.sleep(3600)"]
STRANGER = ["/usr/bin/python3", "-c",
            "import http.server\n"
            "class H(http.server.BaseHTTPRequestHandler):\n"
            "    def do_GET(self):\n"
            "        self.send_response(200); self.end_headers(); self.wfile.write(b'stranger')\n"
            "http.server.ThreadingHTTPServer(('', 8888), H).serve_forever()\n"]


def pool_is_full(daemon, warm):
    return until(lambda: sum(i["state"] == "warm" for i in daemon.instances()) >= warm, f"{warm} warm instances")


def delete_now(daemon, name):
    pods.kubectl("-n", daemon.namespace, "delete", "pod", name, "--grace-period=0", "--force")


@pytest.mark.parametrize("way", ["deleted", "crashed"])
def test_pods_that_end_while_they_serve_lose_what_they_worked_on_and_no_more(daemon, way):
    daemon.apply(python("served", SERVED, **IN_PARALLEL))
    answer_of(daemon, "/served")
    reads = load.Load(daemon.gateway, "/served", clients=4)
    writes = load.Load(daemon.gateway, "/served", clients=4, method="POST")
    windows = []
    for _ in range(3):
        until(lambda: daemon.instances("served"), "an instance")
        victim = daemon.instances("served")[0]["name"]
        begin = time.monotonic()
        if way == "deleted":
            delete_now(daemon, victim)
        else:
            kill_container(daemon.pods()[victim], "environment")
        until(lambda: victim not in [i["name"] for i in daemon.instances()], "the end of the instance")
        # The kubelet ends what was deleted when it has seen it.
        until(lambda: victim not in daemon.pods(), "the end of the pod")
        windows.append((begin, time.monotonic() + 2))
        time.sleep(2)
    read, written = reads.end(), writes.end()
    assert set(read) == {200} and read[200] > 100, (read, reads.lost)
    assert set(written) <= {200, 502}, (written, writes.lost)
    assert len(writes.lost) <= 3 * 4, writes.lost
    assert all(one.during(windows) for one in writes.lost), (writes.lost, windows)


def test_a_frozen_container_runtime_harms_nothing_that_runs(daemon, program):
    for name in ("first", "second", "third"):
        daemon.apply(python(name, **IN_PARALLEL))
    daemon.apply([environment("python", PYTHON, poolsize=2)])
    answer_of(daemon, "/first")
    pool_is_full(daemon, 2)
    runtime = program("containerd")
    runtime.freeze()
    warm = load.Load(daemon.gateway, "/first", clients=4, rate=40)
    # Cold ones take the pods that are warm.
    assert answer_of(daemon, "/second") == answer_of(daemon, "/third") == "hello from a pod\n"
    time.sleep(10)
    counts = warm.end()
    assert set(counts) == {200} and counts[200] > 200, counts
    runtime.thaw()
    pool_is_full(daemon, 2)
    daemon.apply(python("after"))
    answer_of(daemon, "/after")


def api_server_outage(daemon, program, seconds):
    """The API server is gone for so long: the warm answer, the cold take warm pods, then 503 says when to try again."""
    daemon.apply([environment("python", PYTHON, poolsize=3)])
    for name in ("warm", "cold1", "cold2", "cold3", "left"):
        daemon.apply([one for one in python(name, **IN_PARALLEL) if one["kind"] != "Environment"])
    answer_of(daemon, "/warm")
    pool_is_full(daemon, 3)
    until(lambda: daemon.pods("hearth.io/function=warm"), "the label of the pod")
    before = daemon.uids()
    server = program("kube-apiserver")
    server.kill()
    warm = load.Load(daemon.gateway, "/warm", clients=4, rate=40)
    began = time.monotonic()
    for name in ("cold1", "cold2", "cold3"):
        assert answer_of(daemon, "/" + name) == "hello from a pod\n"
    asked = time.monotonic()
    refused = daemon.call("/left")
    refusal = time.monotonic() - asked
    assert refused.status == 503, refused
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json["component"] in ("kubernetes", "executor"), refused
    while time.monotonic() - began < seconds:
        time.sleep(1)
        assert daemon.call("/cold2").status == 200
    assert daemon.call("/left").status == 503
    counts = warm.end()
    assert set(counts) == {200} and counts[200] > seconds * 20, (counts, warm.lost[:5])
    server.start()
    await_api_server()
    back = time.monotonic()
    until(lambda: daemon.uids() - before, "the order of a new pod", 40)
    ordered = time.monotonic() - back
    # The scheduler and the kubelet come back in their own time.
    until(lambda: daemon.call("/left").status == 200, "cold starts after the outage", 120)
    print(f"refused after {refusal:.2f} s; after the API server's return: a pod ordered after {ordered:.1f} s, "
          f"answers of cold functions after {time.monotonic() - back:.1f} s; {counts}")
    # Every pod is the one it was, and the labels that could not be written are.
    assert before <= daemon.uids()
    for name in ("cold1", "cold2", "cold3"):
        until(lambda: daemon.pods(f"hearth.io/function={name}"), f"the label of {name}'s pod")
        assert answer_of(daemon, "/" + name) == "hello from a pod\n"


def test_without_the_api_server_warm_pods_serve(daemon, program):
    api_server_outage(daemon, program, 20)


def stranger_pod(namespace):
    own = pods.container("own", PYTHON, command=STRANGER, ports=[{"containerPort": 8888}])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stranger", "namespace": namespace},
            "spec": {"automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0, "containers": [own]}}


def stranger_address(daemon, wanted):
    """A new stranger's address."""
    pods.kubectl("-n", daemon.namespace, "delete", "pod", "stranger", "--ignore-not-found", "--grace-period=0", "--force")
    give_next(wanted)
    pods.apply(stranger_pod(daemon.namespace))
    pods.kubectl("-n", daemon.namespace, "wait", "--for=condition=Ready", "pod/stranger", "--timeout=30s")
    return json.loads(pods.kubectl("-n", daemon.namespace, "get", "pod", "stranger", "-o", "json"))["status"]["podIP"]


def swap_for_stranger(daemon, instance):
    """Another pod, which answers everything, gets the address of the instance's."""
    address = daemon.pods()[instance]["status"]["podIP"]
    delete_now(daemon, instance)
    until(lambda: instance not in pods.kubectl("-n", daemon.namespace, "get", "pods", "-o", "name"), "the end of the pod")
    # The runtime gives the address back a little later than the pod is gone, and other pods may take a turn in between.
    until(lambda: stranger_address(daemon, address) == address, "a stranger's pod at the address", 90)


@pytest.fixture
def no_stranger(daemon):
    yield
    pods.kubectl("-n", daemon.namespace, "delete", "pod", "stranger", "--ignore-not-found", "--grace-period=0", "--force")


@pytest.mark.parametrize("blind", ["killed", "frozen"])
@pytest.mark.usefixtures("no_stranger")
def test_an_address_that_another_pod_has_got_is_not_called(daemon, blind):
    daemon.apply(python("mine"))
    answer_of(daemon, "/mine")
    pool_is_full(daemon, 1)
    until(lambda: daemon.pods("hearth.io/function=mine"), "the label of the pod")
    [instance] = daemon.instances("mine")
    # While the daemon sees nothing.
    daemon.kill() if blind == "killed" else daemon.freeze()
    swap_for_stranger(daemon, instance["name"])
    daemon.start() if blind == "killed" else daemon.thaw()
    texts = [answer_of(daemon, "/mine") for _ in range(20)]
    assert set(texts) == {"hello from a pod\n"}
    assert [i["name"] for i in daemon.instances("mine")] != [instance["name"]]


def test_an_image_that_never_becomes_ready_harms_its_own_functions_alone(daemon):
    never = environment("never", PYTHON, runtime={"image": PYTHON, "container": {"command": SILENT}})
    daemon.apply([never, package("stuck", {"main.py": "def main():\n    return ''\n"}, "never"),
                  function("stuck", env="never", functionTimeout=8), route("stuck", "/stuck")])
    daemon.apply(python("fine", **IN_PARALLEL))
    answer_of(daemon, "/fine")
    fine = load.Load(daemon.gateway, "/fine", clients=2, rate=20)
    begin = time.monotonic()
    answer = daemon.call("/stuck")
    assert answer.status in (503, 504), answer
    assert time.monotonic() - begin < 12
    assert "stuck" in answer.json["detail"], answer
    again = daemon.call("/stuck")
    assert again.status in (503, 504), again
    # They are not made over and over.
    assert len(daemon.pods("hearth.io/environment=never")) <= 3
    counts = fine.end()
    assert set(counts) == {200}, counts
    daemon.cli_ok("delete", "function", "stuck")
    daemon.cli_ok("delete", "environment", "never")
    until(lambda: not daemon.pods("hearth.io/environment=never"), "the end of the pods")


def test_an_image_that_is_not_there_is_named(daemon):
    daemon.apply([environment("none", "localhost/no/such-env:1"), package("lost", {"main.py": "def main():\n    return ''\n"}, "none"),
                  function("lost", env="none"), route("lost", "/lost")])
    answer = daemon.call("/lost")
    assert answer.status == 503, answer
    assert "localhost/no/such-env:1" in answer.json["detail"], answer
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_thousand_first_requests_at_once_are_all_answered(daemon):
    daemon.apply(python("burst", SERVED, requestsPerPod=50, concurrency=4))
    pool_is_full(daemon, 1)
    counts = load.at_once(daemon.gateway, "/burst", 1000)
    assert sum(counts.values()) == 1000
    assert set(counts) <= {200, 429} and counts[200] >= 500, counts
    assert len(daemon.instances("burst")) <= 4
