"""Functions with replicas of their own: what their changes do at once, and what is told when they are deployed."""

import json

import pods
import pytest
from cluster_daemon import PYTHON, ClusterDaemon
from documents import whole
from hearth_daemon import until

HELLO = "def main():\n    return 'hello'\n"


@pytest.fixture
def daemon(restricted):
    one = ClusterDaemon(restricted).start()
    yield one
    one.close()
    pods.kubectl("-n", restricted, "delete", "deployments,pods,horizontalpodautoscalers", "-l", "hearth.io/daemon=test", "--force",
                 "--grace-period=0")


def scaled(least, most, **more):
    return whole("scaled", HELLO, image=PYTHON, InvokeStrategy={"StrategyType": "execution", "ExecutionStrategy": {
        "ExecutorType": "newdeploy", "MinScale": least, "MaxScale": most, **more}})


def listed(daemon, plural):
    return json.loads(pods.kubectl("-n", daemon.namespace, "get", plural, "-l", "hearth.io/daemon=test", "-o", "json"))["items"]


def bounds(daemon):
    return [(one["spec"]["minReplicas"], one["spec"]["maxReplicas"]) for one in listed(daemon, "horizontalpodautoscalers")]


def test_another_scale_is_there_at_once_and_its_pods_stay(daemon):
    daemon.apply(scaled(1, 2))
    until(lambda: len(daemon.instances("scaled")) == 1, "the first replica")
    before = daemon.uids()
    daemon.apply(scaled(3, 4))
    until(lambda: len(daemon.instances("scaled")) == 3, "three replicas", 20)
    assert [one["spec"]["replicas"] for one in listed(daemon, "deployments")] == [3]
    daemon.apply(scaled(3, 5, TargetCPUPercent=50))
    until(lambda: bounds(daemon) == [(3, 5)], "the autoscaler", 10)
    daemon.apply(scaled(2, 9, TargetCPUPercent=50))
    until(lambda: bounds(daemon) == [(2, 9)], "its new bounds", 10)
    daemon.apply(scaled(3, 9))
    until(lambda: bounds(daemon) == [], "the autoscaler's end", 10)
    assert before <= daemon.uids()
    assert daemon.call("/scaled").text == "hello"


def test_code_that_does_not_load_is_told_when_it_is_deployed(daemon):
    documents = scaled(0, 1)
    documents[1]["spec"]["deployment"]["files"] = {"main.py": "def main(:\n    pass\n"}
    answer = daemon.api("POST", "/api/v1/apply?verify=true", documents)
    assert answer.status >= 400, answer
    assert "SyntaxError" in answer.text
    assert not listed(daemon, "deployments")
    daemon.apply(scaled(0, 1))
    assert daemon.call("/scaled").text == "hello"
