"""Pods of an environment and its runner, as the kubernetes backend makes them, and what tests ask of them."""

import base64
import http.client
import io
import itertools
import json
import os
import pathlib
import subprocess
import tarfile
import time

IMAGE_PREFIX = os.environ.get("HEARTH_IMAGE_PREFIX", "localhost/hearth")
IMAGE_TAG = os.environ.get("HEARTH_IMAGE_TAG", "dev")
TOKEN = "a-token-of-the-tests"
TOKEN_SECRET = "runner-token"
LOAD_TYPE = "application/vnd.hearth.load"
LIMIT = 60  # seconds any single wait may take before the test fails

_numbers = itertools.count(1)


def image(name):
    return f"{IMAGE_PREFIX}/{name}:{IMAGE_TAG}"


def kubectl(*arguments, stdin=None):
    done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def apply(*objects):
    return kubectl("apply", "-f", "-", stdin="\n---\n".join(json.dumps(one) for one in objects))


def make_restricted_namespace(name):
    level = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    token = {"token": base64.b64encode(TOKEN.encode()).decode()}
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": level}})
    apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": TOKEN_SECRET, "namespace": name}, "data": token})


def container(name, image_name, **more):
    """What `restricted` asks for, and more: a root file system that cannot be written to."""
    return {
        "name": name, "image": image_name, "imagePullPolicy": "Never",
        "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}},
        **more,
    }


def function_pod(name, namespace, environment_image):
    def mount(volume, path, **more):
        return {"name": volume, "mountPath": path, **more}

    def field(variable, path):
        return {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": path}}}

    environment = container(
        "environment", environment_image, ports=[{"containerPort": 8888}],
        resources={"limits": {"cpu": "1", "memory": "256Mi"}, "requests": {"cpu": "10m", "memory": "32Mi"}},
        volumeMounts=[mount("userfunc", "/userfunc"), mount("secrets", "/secrets", readOnly=True),
                      mount("configs", "/configs", readOnly=True), mount("tmp", "/tmp")])
    runner = container(
        "runner", image("runner"), ports=[{"containerPort": 8889}],
        env=[field("HEARTH_POD_UID", "metadata.uid"), field("HEARTH_POD_NAME", "metadata.name")],
        resources={"limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"cpu": "1m", "memory": "4Mi"}},
        readinessProbe={"httpGet": {"path": "/readyz", "port": 8889}, "periodSeconds": 1},
        volumeMounts=[mount("userfunc", "/userfunc"), mount("secrets", "/secrets"), mount("configs", "/configs"),
                      mount("token", "/hearth", readOnly=True)])
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
        "spec": {"automountServiceAccountToken": False, "enableServiceLinks": False, "restartPolicy": "Never",
                 "terminationGracePeriodSeconds": 1, "containers": [environment, runner],
                 "volumes": [{"name": volume, "emptyDir": {}} for volume in ("userfunc", "secrets", "configs", "tmp")] +
                            [{"name": "token", "secret": {"secretName": TOKEN_SECRET}}]},
    }


def tar_of(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.text = response.read().decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.text)

    def __repr__(self):
        return f"<{self.status} {self.text[:2000]}>"


class FunctionPod:
    """One pod; made and awaited by the constructor. `ip` is reachable from this host."""

    def __init__(self, namespace, environment_image):
        self.namespace = namespace
        self.name = f"pod-{next(_numbers)}"
        apply(function_pod(self.name, namespace, environment_image))
        self.ip = self._await_ip()
        self.uid = self.field("{.metadata.uid}")

    def field(self, path):
        return kubectl("get", "pod", self.name, "-n", self.namespace, "-o", f"jsonpath={path}")

    def _await_ip(self):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            running = self.field("{.status.containerStatuses[*].state.running.startedAt}").split()
            ip = self.field("{.status.podIP}")
            if ip and len(running) == 2:
                return ip
            time.sleep(0.05)
        raise AssertionError(kubectl("describe", "pod", self.name, "-n", self.namespace))

    def _ask(self, port, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.ip, port, timeout=LIMIT)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def runner(self, method, path, body=None, token=TOKEN, **headers):
        return self._ask(8889, method, path, body, {"Authorization": f"Bearer {token}", **headers})

    def call(self, method="GET", path="/", body=None, **headers):
        return self._ask(8888, method, path, body, headers)

    def await_environment(self):
        state = self.runner("GET", f"/v1/state?wait=ready&timeoutMs={LIMIT * 1000}").json
        assert state["environmentReady"], kubectl("logs", self.name, "-n", self.namespace, "-c", "environment")
        return state

    def load(self, files, **order):
        """Puts code in. Members of the order by their names; `files` of None: the archive comes from elsewhere."""
        order = {"identity": "test", "digest": "d" * 64, "archive": "tar", "functionName": "", "contract": 2,
                 "function": {"namespace": "default", "name": "test", "uid": "u", "generation": 1},
                 "metadata": {"namespace": "default", "name": "test", "uid": "u"}, "timeoutMs": 30000, **order}
        order.setdefault("envVersion", order["contract"])
        body = json.dumps(order).encode() + b"\n" + (tar_of(files) if files is not None else b"")
        return self.runner("POST", "/v1/load", body, **{"Content-Type": LOAD_TYPE})

    def resident_bytes_of_runner(self):
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if f"HEARTH_POD_UID={self.uid}".encode() not in (process / "environ").read_bytes().split(b"\0"):
                    continue
                status = (process / "status").read_text()
            except OSError:
                continue  # it has ended meanwhile
            return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) * 1024
        raise AssertionError(f"no process of the runner of {self.name}")

    def delete(self):
        kubectl("delete", "pod", self.name, "-n", self.namespace, "--wait=false")
