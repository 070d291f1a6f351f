"""Functions in real pods: deploy, call, settings, restart, faults."""

import base64
import concurrent.futures
import json

import pods
from cluster_daemon import FOREIGN, NODE, PYTHON, answer_of, python
from documents import environment, function, package, route, whole
from hearth_daemon import until


def test_a_python_function_answers_from_a_pod(daemon):
    daemon.apply(python("hello"))
    assert answer_of(daemon, "/hello") == "hello from a pod\n"
    assert answer_of(daemon, "/hello") == "hello from a pod\n"
    [instance] = daemon.instances("hello")
    pod = until(lambda: next((p for p in daemon.pods("hearth.io/function=hello").values()), None), "the label of the pod")
    assert pod["metadata"]["name"] == instance["name"]
    assert pod["spec"]["automountServiceAccountToken"] is False


def test_node_and_foreign_images_answer(daemon):
    daemon.apply(whole("node", "module.exports = async (context) => ({status: 200, body: 'node in a pod'})", env="nodejs",
                       file="index.js", entry="", image=NODE))
    assert answer_of(daemon, "/node") == "node in a pod"
    code = "def handle(method, path, body):\n    return f'{method} from a foreign pod'\n"
    for version in (1, 2):
        name = f"foreign{version}"
        daemon.apply([environment(name, FOREIGN, version=version), package(name, {"user": code}, name),
                      function(name, "handle", name), route(name, "/" + name)])
        assert answer_of(daemon, "/" + name) == "GET from a foreign pod"


def test_a_load_error_comes_back_with_the_trace(daemon):
    daemon.apply(python("broken", "import nothing_of_this_name\n"))
    answer = daemon.call("/broken")
    assert answer.status == 502, answer
    assert "ModuleNotFoundError" in answer.json["detail"] and "nothing_of_this_name" in answer.text


def test_settings_of_the_cluster_reach_the_function_and_follow_its_changes(daemon):
    ns = daemon.namespace
    value = base64.b64encode(b"s3cret").decode()
    pods.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": ns}, "data": {"password": value}},
               {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "colours", "namespace": ns}, "data": {"sky": "blue"}})
    code = ("def main():\n"
            "    return open('/secrets/default/key/password').read() + ' ' + open('/configs/default/colours/sky').read()\n")
    daemon.apply(python("settings", code, secrets=[{"name": "key", "namespace": "default"}],
                        configmaps=[{"name": "colours", "namespace": "default"}]))
    assert answer_of(daemon, "/settings") == "s3cret blue"
    pods.kubectl("-n", ns, "patch", "configmap", "colours", "--type=merge", "-p", '{"data": {"sky": "grey"}}')
    until(lambda: daemon.call("/settings").text == "s3cret grey", "the changed config map")


def test_a_killed_daemon_finds_its_pods_again(daemon):
    daemon.apply(python("kept"))
    answer_of(daemon, "/kept")
    until(lambda: sorted(i["state"] for i in daemon.instances()) == ["ready", "warm"], "the pool's refill")
    until(lambda: daemon.pods("hearth.io/function=kept"), "the label of the pod")
    before = daemon.uids()
    for _ in range(3):
        daemon.kill()
        daemon.start()
        assert answer_of(daemon, "/kept") == "hello from a pod\n"
        assert daemon.uids() == before
    [instance] = daemon.instances("kept")
    assert instance["name"] in daemon.pods()


def test_a_pod_that_is_killed_is_replaced(daemon):
    daemon.apply(python("victim"))
    answer_of(daemon, "/victim")
    [instance] = daemon.instances("victim")
    pods.kubectl("-n", daemon.namespace, "delete", "pod", instance["name"], "--grace-period=0", "--force")
    until(lambda: daemon.call("/victim").status == 200 and
          [i["name"] for i in daemon.instances("victim")] not in ([], [instance["name"]]), "an answer from another pod")


def test_out_of_memory_is_named(daemon):
    code = ("def main():\n    hog = []\n    while True:\n        hog.append(bytearray(16 << 20))\n")
    daemon.apply(python("hog", code, resources={"limits": {"memory": "96Mi"}}))
    answer = daemon.call("/hog")
    assert answer.status == 502, answer
    assert "oom" in answer.json["detail"], answer


def test_deleting_a_function_removes_its_pods(daemon):
    daemon.apply(python("passing"))
    answer_of(daemon, "/passing")
    until(lambda: daemon.pods("hearth.io/function=passing"), "the label of the pod")
    daemon.cli_ok("delete", "function", "passing")
    until(lambda: not daemon.pods("hearth.io/function=passing"), "the end of the function's pods")


def newdeploy(least, most):
    return {"InvokeStrategy": {"StrategyType": "execution", "ExecutionStrategy": {
        "ExecutorType": "newdeploy", "MinScale": least, "MaxScale": most}}}


def deployments(daemon):
    found = json.loads(pods.kubectl("-n", daemon.namespace, "get", "deployments", "-l", "hearth.io/daemon=test", "-o", "json"))
    return found["items"]


def test_newdeploy_wakes_from_zero_scales_and_goes_back(daemon):
    code = "import time\ndef main():\n    time.sleep(1)\n    return 'done'\n"
    daemon.apply(python("scaled", code, requestsPerPod=1, idletimeout=2, **newdeploy(0, 3)))
    assert answer_of(daemon, "/scaled") == "done"
    [deployment] = deployments(daemon)
    assert deployment["spec"]["replicas"] >= 1
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        texts = list(pool.map(lambda _: daemon.call("/scaled").text, range(12)))
    assert texts == ["done"] * 12
    assert len(daemon.instances("scaled")) == 3
    until(lambda: deployments(daemon)[0]["spec"]["replicas"] == 0, "the scale of zero")
    daemon.cli_ok("delete", "function", "scaled")
    until(lambda: not deployments(daemon), "the end of the Deployment")


def test_newdeploy_keeps_its_least_scale_without_a_request(daemon):
    daemon.apply(python("warm", **newdeploy(2, 4)))
    until(lambda: len(daemon.instances("warm")) == 2, "two instances")
    assert answer_of(daemon, "/warm") == "hello from a pod\n"


def test_a_container_function_is_served_as_it_starts(daemon):
    serve = ("import http.server\n"
             "class H(http.server.BaseHTTPRequestHandler):\n"
             "    def do_GET(self):\n"
             "        self.send_response(200); self.end_headers(); self.wfile.write(b'own image ' + self.path.encode())\n"
             "http.server.ThreadingHTTPServer(('', 9000), H).serve_forever()\n")
    strategy = {"InvokeStrategy": {"StrategyType": "execution", "ExecutionStrategy": {
        "ExecutorType": "container", "MinScale": 0, "MaxScale": 2}}}
    podspec = {"containers": [{"name": "own", "image": PYTHON, "command": ["/usr/bin/python3", "-c", serve],
                               "ports": [{"containerPort": 9000}]}]}
    daemon.apply([{"apiVersion": "hearth/v1", "kind": "Function", "metadata": {"name": "own"},
                   "spec": {"podspec": podspec, **strategy}}, route("own", "/own", prefix="/own", keepPrefix=True)])
    assert answer_of(daemon, "/own/path") == "own image /own/path"
