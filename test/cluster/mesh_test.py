"""With kubernetes.istio requests take the way of Services, by their names. No sidecar is here: kube-proxy carries them."""

import http.client
import json

import pods
import pytest
from cluster_daemon import PYTHON, ClusterDaemon
from documents import whole
from hearth_daemon import until

TELLING = "from flask import request\ndef main():\n    return '{} ' + request.headers['Host']\n"


@pytest.fixture
def daemon(restricted):
    one = ClusterDaemon(restricted, istio={"enabled": True}).start()
    yield one
    one.close()
    pods.kubectl("-n", restricted, "delete", "deployments,services,pods", "-l", "hearth.io/daemon=test", "--force",
                 "--grace-period=0")


def services(daemon):
    found = json.loads(pods.kubectl("-n", daemon.namespace, "get", "services", "-l", "hearth.io/daemon=test", "-o", "json"))
    return {one["metadata"]["name"]: one for one in found["items"]}


def strategy(kind):
    return {"InvokeStrategy": {"StrategyType": "execution", "ExecutionStrategy": {
        "ExecutorType": kind, "MinScale": 1, "MaxScale": 2}}}


def via_service(address):
    connection = http.client.HTTPConnection(address, 80, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except OSError as error:
        return str(error)
    finally:
        connection.close()


def test_a_pooled_function_is_called_through_the_service_of_its_pod(daemon):
    daemon.apply(whole("plain", TELLING.format("plain"), image=PYTHON))
    answer = daemon.call("/plain")
    assert answer.status == 200, answer
    name, domain = answer.text.split(" ")[1].split(".", 1)
    assert domain == f"{daemon.namespace}.svc.cluster.local"
    service = services(daemon)[name]
    assert [(port["name"], port["port"]) for port in service["spec"]["ports"]] == [("http", 80)]
    assert daemon.instances("plain")[0]["endpoint"] == service["spec"]["clusterIP"] + ":80"
    pod = daemon.pods()[name]
    assert pod["metadata"]["annotations"]["traffic.sidecar.istio.io/excludeInboundPorts"] == "8889"
    assert "sidecar.istio.io/inject" not in pod["metadata"]["labels"]
    daemon.cli_ok("delete", "function", "plain")
    until(lambda: name not in services(daemon), "the end of the Service with its pod")


def test_it_is_the_service_that_carries_the_request(daemon):
    """The Service of one function is turned to the pod of another, before any request has a connection."""
    daemon.apply(whole("one", TELLING.format("one"), image=PYTHON) + whole("two", TELLING.format("two"))[1:],
                 "?verify=true")
    [one], [two] = (until(lambda n=name: daemon.instances(n), f"the instance of {name}") for name in ("one", "two"))
    selector = services(daemon)[two["name"]]["spec"]["selector"]
    pods.kubectl("-n", daemon.namespace, "patch", "service", one["name"], "--type=merge", "-p",
                 json.dumps({"spec": {"selector": selector}}))
    address = one["endpoint"].rsplit(":", 1)[0]
    until(lambda: via_service(address).startswith("two "), "the Service's new way")
    assert daemon.call("/one").text == f"two {one['name']}.{daemon.namespace}.svc.cluster.local"


def test_replicas_share_one_service_that_leads_to_loaded_ones_alone(daemon):
    daemon.apply(whole("shared", TELLING.format("shared"), image=PYTHON, **strategy("newdeploy")))
    texts = {daemon.call("/shared").text for _ in range(20)}
    [service] = [one for one in services(daemon).values() if one["metadata"]["labels"]["hearth.io/kind"] == "service"
                 and "hearth.io/workload" in one["spec"]["selector"]]
    assert texts == {f"shared {service['metadata']['name']}.{daemon.namespace}.svc.cluster.local"}


def test_a_container_is_called_through_its_service_once_that_leads_to_it(daemon):
    serve = ("import http.server\n"
             "class H(http.server.BaseHTTPRequestHandler):\n"
             "    def do_GET(self):\n"
             "        self.send_response(200); self.end_headers(); self.wfile.write(b'own ' + self.headers['Host'].encode())\n"
             "http.server.ThreadingHTTPServer(('', 9000), H).serve_forever()\n")
    podspec = {"containers": [{"name": "own", "image": PYTHON, "command": ["/usr/bin/python3", "-c", serve],
                               "ports": [{"containerPort": 9000}]}]}
    route = {"apiVersion": "hearth/v1", "kind": "HTTPTrigger", "metadata": {"name": "own"},
             "spec": {"relativeurl": "/own", "functionref": {"type": "name", "name": "own"}}}
    daemon.apply([{"apiVersion": "hearth/v1", "kind": "Function", "metadata": {"name": "own"},
                   "spec": {"podspec": podspec, **strategy("container")}}, route])
    answer = daemon.call("/own")
    assert answer.status == 200, answer
    assert answer.text.startswith("own ") and answer.text.endswith(f".{daemon.namespace}.svc.cluster.local")
