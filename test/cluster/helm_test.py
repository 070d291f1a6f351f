"""The chart, installed for real: one Deployment that serves, is upgraded under load and leaves nothing."""

import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import pods
import pytest
from cluster_daemon import PYTHON
from hearth_daemon import BINARY, ROOT, until
from load import Load

CHART = ROOT / "deploy/helm/hearth"
LIMIT = 180
VALUES = {
    "image": {"repository": f"{pods.IMAGE_PREFIX}/hearth", "tag": pods.IMAGE_TAG, "pullPolicy": "Never"},
    "runner": {"image": {"repository": f"{pods.IMAGE_PREFIX}/runner", "tag": pods.IMAGE_TAG}},
    "persistence": {"storageClass": "-", "size": "1Gi"},
}
HELLO = "def main():\n    return 'hello from the chart\\n'\n"


def helm(*arguments):
    done = subprocess.run(["helm", *arguments], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, f"helm {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def environment_text():
    return ("apiVersion: fission.io/v1\nkind: Environment\nmetadata: {name: python}\n"
            f"spec: {{version: 3, poolsize: 1, runtime: {{image: {PYTHON}}}}}\n")


def accepts(host, port):
    try:
        socket.create_connection((host, port), 5).close()
    except OSError:
        return False
    return True


class Release:
    def __init__(self, namespace):
        self.namespace = namespace
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-helm-"))
        self.volume = self.folder / "data"
        self.volume.mkdir()
        os.chmod(self.folder, 0o755)
        os.chown(self.volume, 10001, 10001)
        pods.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": namespace},
                    "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                             "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": str(self.volume)},
                             "claimRef": {"namespace": namespace, "name": "hearth-data"}}})

    def put(self, command, **more):
        values = self.folder / "values.json"
        values.write_text(json.dumps({**VALUES, **more}))
        helm(command, "hearth", str(CHART), "-n", self.namespace, "-f", str(values), "--wait", "--timeout", "120s")

    def address(self, service):
        """Once kube-proxy sends what is connected there to a pod."""
        found = json.loads(pods.kubectl("-n", self.namespace, "get", "service", service, "-o", "json"))["spec"]
        host, port = found["clusterIP"], found["ports"][0]["port"]
        until(lambda: accepts(host, port), f"connections to Service {service}")
        return f"{host}:{port}"

    def cli(self, *arguments):
        token = pods.kubectl("-n", self.namespace, "exec", "deployment/hearth", "--", "cat", "/var/lib/hearth/run/admin-token")
        done = subprocess.run([BINARY, "--api", self.address("hearth-api"), *arguments], capture_output=True, text=True,
                              timeout=LIMIT, check=False, env={**os.environ, "HEARTH_TOKEN": token.strip()})
        assert done.returncode == 0, done
        return done.stdout

    def function_pods(self):
        found = json.loads(pods.kubectl("-n", self.namespace, "get", "pods", "-l", "hearth.io/daemon=hearth", "-o", "json"))
        return {one["metadata"]["uid"] for one in found["items"] if "deletionTimestamp" not in one["metadata"]}

    def close(self):
        subprocess.run(["helm", "uninstall", "hearth", "-n", self.namespace, "--wait"], capture_output=True, timeout=LIMIT,
                       check=False)
        pods.kubectl("delete", "persistentvolume", self.namespace, "--wait=false")
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def release():
    name = f"hearth-helm-{os.getpid()}"
    pods.make_restricted_namespace(name)
    one = Release(name)
    yield one
    one.close()
    pods.kubectl("delete", "namespace", name, "--wait=false")


def test_the_chart_is_clean():
    helm("lint", "--strict", str(CHART))
    done = subprocess.run(["helm", "template", "x", str(CHART), "--set", "replcas=2"], capture_output=True, text=True,
                          timeout=LIMIT, check=False)
    assert done.returncode != 0 and "replcas" in done.stderr


def test_install_use_upgrade_under_load_uninstall(release):
    ns = release.namespace
    release.put("install")
    assert "Succeeded" in helm("test", "hearth", "-n", ns, "--timeout", "120s")

    specs = release.folder / "specs"
    specs.mkdir()
    (specs / "environment.yaml").write_text(environment_text())
    source = release.folder / "hello.py"
    source.write_text(HELLO)
    release.cli("apply", "-f", str(specs))
    release.cli("deploy", str(source), "--env", "python", "--route", "/hello")
    doctor = release.cli("doctor")
    assert "all that is needed" in doctor, doctor

    load = Load(release.address("hearth"), "/hello")
    until(lambda: load.counts[200] > 200, "calls that are answered")
    until(lambda: len(release.function_pods()) >= 2, "the pool's refill")
    before = release.function_pods()
    release.put("upgrade", podAnnotations={"hearth.test/change": "1"})
    time.sleep(3)
    counts = load.end()
    assert set(counts) == {200}, counts
    assert before & release.function_pods(), "no pod outlived the upgrade"
    holders = json.loads(pods.kubectl("-n", ns, "get", "lease", "hearth", "-o", "json"))["spec"]
    assert holders["leaseTransitions"] >= 1

    helm("uninstall", "hearth", "-n", ns, "--wait", "--timeout", "120s")
    kinds = "deployments,pods,services,secrets,configmaps,persistentvolumeclaims,roles,rolebindings,networkpolicies,serviceaccounts"

    def left():
        found = json.loads(pods.kubectl("-n", ns, "get", kinds, "-o", "json"))["items"]
        names = [f"{one['kind']}/{one['metadata']['name']}" for one in found]
        return [n for n in names if n not in ("ConfigMap/kube-root-ca.crt", "ServiceAccount/default", "Secret/runner-token")]

    until(lambda: not left(), "the end of all objects")


def rendered(*arguments):
    done = subprocess.run([ROOT / "deploy/kubernetes/render", *arguments], capture_output=True, text=True, timeout=LIMIT,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_plain_manifests_are_what_the_chart_makes():
    committed = (ROOT / "deploy/kubernetes/hearth.yaml").read_text()
    assert committed == rendered(), "run: deploy/kubernetes/render >deploy/kubernetes/hearth.yaml"
    assert "helm" not in committed.lower()


def test_the_plain_manifests_serve(tmp_path):
    one = Release("hearth")
    try:
        values = tmp_path / "values.json"
        values.write_text(json.dumps(VALUES))
        manifests = rendered("-f", str(values))
        pods.kubectl("apply", "-f", "-", stdin=manifests)
        pods.kubectl("-n", "hearth", "rollout", "status", "deployment/hearth", "--timeout=55s")
        source = tmp_path / "hello.py"
        source.write_text(HELLO)
        (tmp_path / "environment.yaml").write_text(environment_text())
        one.cli("apply", "-f", str(tmp_path / "environment.yaml"))
        one.cli("deploy", str(source), "--env", "python", "--route", "/hello")
        address, port = one.address("hearth").split(":")
        connection = http.client.HTTPConnection(address, int(port), timeout=60)
        connection.request("GET", "/hello")
        answer = connection.getresponse()
        assert (answer.status, answer.read().decode()) == (200, "hello from the chart\n")
        connection.close()
    finally:
        pods.kubectl("delete", "namespace", "hearth", "--ignore-not-found", "--wait=false")
        pods.kubectl("delete", "persistentvolume", "hearth", "--ignore-not-found", "--wait=false")
        shutil.rmtree(one.folder, ignore_errors=True)
