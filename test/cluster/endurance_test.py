"""Faults that take minutes: `test/run cluster-faults`."""

import os
import time

import load
import pods
import pytest
from cluster_daemon import PYTHON, answer_of, python
from documents import environment
from faults_test import IN_PARALLEL, SERVED, api_server_outage, pool_is_full
from hearth_daemon import until

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("HEARTH_TEST_KILLS", "50"))
OUTAGE_SECONDS = int(os.environ.get("HEARTH_TEST_OUTAGE_SECONDS", "600"))


def test_ten_minutes_without_the_api_server(daemon, program):
    api_server_outage(daemon, program, OUTAGE_SECONDS)


def test_a_node_whose_agents_are_frozen_goes_on_serving(daemon, program):
    """Longer than the node is waited for: the cluster calls it and all its pods unready, and they serve as ever."""
    daemon.apply(python("served", SERVED, **IN_PARALLEL))
    answer_of(daemon, "/served")
    pool_is_full(daemon, 1)
    before = daemon.uids()
    agents = [program("kubelet"), program("containerd")]
    for agent in agents:
        agent.freeze()
    warm = load.Load(daemon.gateway, "/served", clients=4, rate=40)
    ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    until(lambda: pods.kubectl("get", "node", "node", "-o", ready) != "True", "a node that is not ready", 120)
    until(lambda: all(condition["status"] != "True" for pod in daemon.pods().values()
                      for condition in pod["status"]["conditions"] if condition["type"] == "Ready"), "pods that are not ready")
    daemon.apply([one for one in python("cold", SERVED) if one["kind"] != "Environment"])
    assert answer_of(daemon, "/cold") == "ok"
    time.sleep(10)
    counts = warm.end()
    assert set(counts) == {200}, (counts, warm.lost[:5])
    for agent in reversed(agents):
        agent.thaw()
    until(lambda: pods.kubectl("get", "node", "node", "-o", ready) == "True", "the node")
    assert before <= daemon.uids()
    pool_is_full(daemon, 1)


def test_fifty_kills_of_the_daemon_under_load(daemon):
    daemon.apply(python("kept", SERVED, **IN_PARALLEL))
    daemon.apply([environment("python", PYTHON, poolsize=2)])
    answer_of(daemon, "/kept")
    pool_is_full(daemon, 2)
    calls = load.Load(lambda: daemon.gateway, "/kept", clients=20, rate=200)
    # What the load itself asks for has started: from here on nothing new is wanted.
    time.sleep(5)
    pool_is_full(daemon, 2)
    before = daemon.uids()
    windows, broken = [], []
    for _ in range(KILLS):
        lost_before = len(calls.lost)
        begin = time.monotonic()
        daemon.kill()
        daemon.start()
        until(lambda: daemon.call("/kept").status == 200, "an answer")
        windows.append((begin, time.monotonic()))
        time.sleep(0.5)
        with calls.lock:
            lost = calls.lost[lost_before:]
        broken.append(sum(one.begin <= begin for one in lost))
    counts = calls.end()
    pool_is_full(daemon, 2)
    # Nothing is lost but what was on its way in a daemon that was killed, or came while none was there.
    wrong = [one for one in calls.lost if not one.during(windows) or isinstance(one.outcome, int)]
    assert not wrong, (wrong[:5], counts)
    assert max(broken) <= 20, broken
    assert counts[200] > KILLS * 50, counts
    # No pod was given up, none is nobody's, and no pool was made twice.
    assert before <= daemon.uids(), [line for line in daemon.log().splitlines() if '"backend"' in line][-30:]
    known = {one["name"] for one in daemon.instances()}
    until(lambda: set(daemon.pods()) == known, "pods that are the daemon's own and no others")
    assert sum(i["state"] == "warm" for i in daemon.instances()) == 2
    assert len(daemon.instances("kept")) <= 4
    print(f"{counts} with {KILLS} kills; on their way at a kill: {broken}")


def test_fifty_loaded_pods_are_adopted(daemon):
    daemon.apply([environment("python", PYTHON, poolsize=5)])
    names = [f"many-{i}" for i in range(50)]
    for name in names:
        daemon.apply([one for one in python(name) if one["kind"] != "Environment"])
        answer_of(daemon, "/" + name)
    until(lambda: all(daemon.pods(f"hearth.io/function={name}") for name in names), "the labels of the pods", 120)
    pool_is_full(daemon, 5)
    before = daemon.uids()
    daemon.kill()
    begin = time.monotonic()
    daemon.start()
    until(lambda: {i.get("function") for i in daemon.instances()} >= set(names), "all instances")
    took = time.monotonic() - begin
    for name in names:
        assert answer_of(daemon, "/" + name) == "hello from a pod\n"
    assert daemon.uids() == before
    assert took < 10, took
    print(f"{len(before)} pods adopted {took:.2f} s after the start")
