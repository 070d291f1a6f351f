"""Images and runner in real pods, driven by hand: what the kubernetes backend builds on."""

import base64
import json
import subprocess

import pytest

import pods

PYTHON = {"main.py": "from flask import request\n\ndef main():\n    return f'{request.method} from python'\n"}
NODEJS = {"index.js": "module.exports = async (context) => ({status: 200, body: `${context.request.method} from nodejs`});\n"}
FOREIGN = {"hello": "def handle(method, path, body):\n    return f'{method} from foreign'\n"}

ENVIRONMENTS = [
    pytest.param("python-env", PYTHON, {"functionName": "main.main"}, "python", id="python"),
    pytest.param("nodejs-env", NODEJS, {}, "nodejs", id="nodejs"),
    pytest.param("foreign-env", FOREIGN, {"contract": 1, "file": "hello"}, "foreign", id="foreign-v1"),
    pytest.param("foreign-env", FOREIGN, {"functionName": "handle"}, "foreign", id="foreign-v2"),
]


@pytest.mark.parametrize("environment, files, order, said", ENVIRONMENTS)
def test_code_pushed_to_a_warm_pod_answers(make_pod, environment, files, order, said):
    pod = make_pod(pods.image(environment))
    before = pod.await_environment()
    assert (before["state"], before["podUid"], before["podName"]) == ("generic", pod.uid, pod.name)
    loaded = pod.load(files, **order)
    answer = pod.call("POST", body="x")
    assert loaded.status == 200, loaded
    assert (answer.status, answer.text) == (200, f"POST from {said}")
    after = pod.runner("GET", "/v1/state").json
    assert (after["state"], after["identity"], after["function"]["name"]) == ("loaded", "test", "test")
    assert 0 < pod.resident_bytes_of_runner() <= 3 * 1024 * 1024


def test_a_load_error_comes_back_as_the_language_wrote_it(make_pod):
    pod = make_pod(pods.image("python-env"))
    pod.await_environment()
    answer = pod.load({"main.py": "import no_such_module\n"})
    assert answer.status == 422
    assert answer.json["code"] == "function_failed"
    assert answer.json["detail"].startswith("Traceback (most recent call last):")
    assert answer.json["detail"].rstrip().endswith("ModuleNotFoundError: No module named 'no_such_module'")
    assert pod.runner("GET", "/v1/state").json["state"] == "failed"


def test_settings_are_files_the_function_reads_and_cannot_change(make_pod):
    code = """
import os
from flask import request

def main():
    if request.method == "GET":
        return open("/secrets/default/db/password").read() + os.environ["GREETING"]
    faults = []
    for path in ("/secrets/default/db/password", "/configs/x", "/userfunc/" + "d" * 64 + "/main.py", "/app/server.py"):
        try:
            open(path, "w")
        except OSError as error:
            faults.append(type(error).__name__)
    return " ".join(faults)
"""
    pod = make_pod(pods.image("python-env"))
    pod.await_environment()
    secret = base64.b64encode(b"hunter2").decode()
    loaded = pod.load({"main.py": code}, secrets={"default/db/password": secret}, env={"GREETING": " hello"})
    assert loaded.status == 200, loaded
    assert pod.call().text == "hunter2 hello"
    assert len(pod.call("POST", body="x").text.split()) == 4


def test_a_function_cannot_reach_the_runners_token(make_pod):
    code = """
import os
import urllib.request

def main():
    found = [path for path in ("/hearth", "/var/run/secrets/kubernetes.io") if os.path.exists(path)]
    try:
        urllib.request.urlopen("http://127.0.0.1:8889/v1/state", timeout=5)
    except urllib.error.HTTPError as error:
        found.append(str(error.code))
    return " ".join(found) + " " + " ".join(sorted(n for n in os.environ if n.startswith("HEARTH")))
"""
    pod = make_pod(pods.image("python-env"))
    pod.await_environment()
    assert pod.load({"main.py": code}).status == 200
    assert pod.call().text.strip() == "401"


def test_the_runner_lets_only_the_tokens_bearer_in(make_pod):
    pod = make_pod(pods.image("foreign-env"))
    assert pod.runner("GET", "/v1/state", token="another").status == 401
    assert pod.runner("GET", "/healthz", token="another").status == 200


def test_a_package_comes_from_the_pod_beside(make_pod):
    first, second = make_pod(pods.image("python-env")), make_pod(pods.image("python-env"))
    for pod in (first, second):
        pod.await_environment()
    assert first.load(PYTHON).status == 200
    loaded = second.load(None, archive="peer", peer=f"{first.ip}:8889")
    assert loaded.status == 200, loaded
    assert second.call().text == "GET from python"


def test_the_namespace_refuses_what_is_not_restricted(restricted):
    pod = pods.function_pod("too-free", restricted, pods.image("foreign-env"))
    del pod["spec"]["containers"][0]["securityContext"]
    done = subprocess.run(["kubectl", "apply", "-f", "-"], input=json.dumps(pod), capture_output=True, text=True)
    assert done.returncode != 0
    assert 'violates PodSecurity "restricted' in done.stderr
