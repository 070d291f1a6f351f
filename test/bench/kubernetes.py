"""The kubernetes backend, against the cluster of KUBECONFIG: cold starts by phase, waking from zero, adoption, memory."""

import base64
import collections
import http.client
import json
import os
import pathlib
import re
import ssl
import subprocess
import tempfile
import time

from cold import HELLO, first_calls
from harness import Client, Daemon, environment_document, function_documents, median, milliseconds, percentile
from report import Row

PREFIX = os.environ.get("HEARTH_IMAGE_PREFIX", "localhost/hearth")
TAG = os.environ.get("HEARTH_IMAGE_TAG", "dev")
PYTHON, RUNNER = f"{PREFIX}/python-env:{TAG}", f"{PREFIX}/runner:{TAG}"
NAMESPACE, INSTALLATION = "hearth-bench", "bench"
PHASES = ("queue", "start", "load", "connect", "function")


def kubectl(*arguments, stdin=None):
    done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr}")
    return done.stdout


class ApiServer:
    """One kept connection to the API server: a kubectl takes longer to start than what is measured with it."""

    def __init__(self):
        config = json.loads(kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        context.load_cert_chain(user["client-certificate"], user["client-key"])
        self.connection = http.client.HTTPSConnection(cluster["server"].split("//")[1], context=context, timeout=60)

    def ask(self, method, path, body=None):
        self.connection.request(method, path, body=json.dumps(body) if body is not None else None,
                                headers={"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        data = json.loads(answer.read())
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {data.get('message')}")
        return data


def resident_kib_of_runners():
    """Of every runner of the daemon's pods."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text() == "hearth-runner\n":
                status = (process / "status").read_text()
                found.append(int(re.search(r"VmRSS:\s+(\d+)", status)[1]))
        except OSError:
            continue  # it has ended meanwhile
    return found


def cluster_daemon():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-bench-"))
    section = {"kubeconfig": os.environ["KUBECONFIG"], "namespace": NAMESPACE, "installation": INSTALLATION,
               "runnerImage": RUNNER, "imagePullPolicy": "Never", "requestBudget": 200}
    config = folder / "hearth.yaml"
    config.write_text(json.dumps({"backend": "kubernetes", "kubernetes": section}))
    return Daemon(folder=folder, args=["--config", config])


def clean():
    kubectl("-n", NAMESPACE, "delete", "deployments,pods", "-l", f"hearth.io/daemon={INSTALLATION}", "--force",
            "--grace-period=0")


def phases_of(header):
    return {name: float(ms) for name, ms in re.findall(r"(\w+);dur=([0-9.]+)", header)}


def api_requests(daemon):
    """Requests to the API server so far, by verb and resource."""
    counts = collections.Counter()
    for line in daemon.request("GET", "/metrics")[1].decode().splitlines():
        if line.startswith("hearth_kubernetes_requests_total{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            counts[f"{labels['verb']} {labels['resource']}"] += int(float(line.rsplit(" ", 1)[1]))
    return counts


def make_settings():
    """Five Secrets and five ConfigMaps of the cluster, and the members of a function that names them."""
    for i in range(5):
        meta = {"name": f"s{i}", "namespace": NAMESPACE}
        value = base64.b64encode(b"value").decode()
        kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"key": value}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"key": "value"}}]}))
    names = [{"name": f"s{i}"} for i in range(5)]
    return {"secrets": names, "configmaps": names}


def cold_starts(rounds=30):
    settings = make_settings()
    with cluster_daemon() as daemon:
        daemon.apply([environment_document("python", PYTHON, 3)])
        first_calls(daemon, "warmup", 3, pool=3)
        time.sleep(1)
        before = api_requests(daemon)
        samples, headers = first_calls(daemon, "plain", rounds, pool=3)
        daemon.wait_warm(3, "python")
        time.sleep(1)
        spent = api_requests(daemon) - before
        first_calls(daemon, "settle", 1, settings, pool=3)
        mounted, _ = first_calls(daemon, "mounted", rounds, settings, pool=3)
        rss, runners = daemon.rss_mib(), resident_kib_of_runners()
    split = {name: median([phases_of(h).get(name, 0) for h in headers]) for name in PHASES}
    text = ", ".join(f"{name} {ms:.2f}" for name, ms in split.items())
    each = {what: count / rounds for what, count in spent.items()}
    ratio = median(mounted) / median(samples)
    clean()
    return [
        Row("kubernetes: cold start, warm pool, Python hello, p50 / p95",
            f"{milliseconds(median(samples))} / {milliseconds(percentile(samples, .95))}", "≤ 5 / 15 ms",
            median(samples) <= .005 and percentile(samples, .95) <= .015, {"samples": samples}),
        Row("  its phases, medians in ms", text, "–", True, split),
        Row("  same with 5 secrets and 5 config maps, ratio of p50", f"{ratio:.2f}", "≤ 1.2", ratio <= 1.2, {"samples": mounted}),
        Row("  requests to the API server per cold start", f"{sum(each.values()):.2f}", "≤ 2", sum(each.values()) <= 2, each),
        Row(f"  resident memory of the daemon with {len(runners)} pods", f"{rss:.1f} MiB", "–", True, {"mib": rss}),
        Row("  of a runner, the largest", f"{max(runners)} KiB", "≤ 3072 KiB", max(runners) <= 3072, {"kib": runners}),
    ]


def newdeploy_spec():
    return {"idletimeout": 1, "InvokeStrategy": {"StrategyType": "execution", "ExecutionStrategy": {
        "ExecutorType": "newdeploy", "MinScale": 0, "MaxScale": 1}}}


def bare_start(server, pod):
    """Seconds from making a pod like `pod` until it is ready."""
    copy = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare", "namespace": NAMESPACE}, "spec": pod["spec"]}
    for key in ("nodeName", "schedulerName", "serviceAccountName", "serviceAccount", "tolerations", "priority",
                "preemptionPolicy"):
        copy["spec"].pop(key, None)
    path = f"/api/v1/namespaces/{NAMESPACE}/pods"
    began = time.perf_counter()
    server.ask("POST", path, copy)
    ready = False
    while not ready:
        time.sleep(.01)
        conditions = server.ask("GET", path + "/bare")["status"].get("conditions", [])
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    took = time.perf_counter() - began
    kubectl("-n", NAMESPACE, "delete", "pod", "bare", "--force", "--grace-period=0")
    return took


def waking(rounds=5):
    server = ApiServer()
    with cluster_daemon() as daemon:
        daemon.apply([environment_document("python", PYTHON, 0)])
        documents = []
        for i in range(rounds):
            documents += function_documents(f"zero-{i}", "python", HELLO, newdeploy_spec())
        daemon.apply(documents)
        client = Client(daemon.gateway)
        woken, bare = [], []
        for i in range(rounds):
            status, seconds, _, body = client.get(f"/zero-{i}")
            if status != 200:
                raise RuntimeError(f"{status} {body!r}")
            woken.append(seconds)
            found = json.loads(kubectl("-n", NAMESPACE, "get", "pods", "-l", f"hearth.io/daemon={INSTALLATION}", "-o", "json"))
            bare.append(bare_start(server, found["items"][0]))
    clean()
    ratio = median(woken) / median(bare)
    return [Row("kubernetes: newdeploy from zero, against the bare start of its pod",
                f"{median(woken):.2f} s, {ratio:.2f} ×", "≤ 1.3 ×", ratio <= 1.3, {"woken": woken, "bare": bare})]


def adoption(count=50):
    """A daemon that is killed with so many loaded pods, until its successor serves them."""
    daemon = cluster_daemon().start()
    daemon.apply([environment_document("python", PYTHON, 1)])
    documents = []
    for i in range(count):
        documents += function_documents(f"kept-{i}", "python", HELLO)
    daemon.apply(documents)
    client = Client(daemon.gateway)
    for i in range(count):
        client.get(f"/kept-{i}")
    daemon.process.kill()
    daemon.process.wait()
    began = time.perf_counter()
    daemon.start()
    while sum(1 for i in daemon.instances() if i.get("function")) < count:
        time.sleep(0.002)
        if time.perf_counter() - began > 60:
            raise RuntimeError("not all instances were found again")
    took = time.perf_counter() - began
    daemon.stop()
    clean()
    return [Row(f"kubernetes: start until {count} pods are adopted", milliseconds(took), "–", True, {"seconds": took})]


def run_kubernetes():
    if not os.environ.get("KUBECONFIG"):
        raise SystemExit("the part kubernetes needs a cluster with the images loaded: see test/cluster/README.md, then KUBECONFIG")
    level = {"pod-security.kubernetes.io/enforce": "restricted"}
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Namespace",
                                                  "metadata": {"name": NAMESPACE, "labels": level}}))
    try:
        return cold_starts() + waking() + adoption()
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")
