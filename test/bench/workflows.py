"""Workflows: what a step costs besides its call, many runs at once, and many finished ones on disk."""

import http.client
import json
import pathlib
import tempfile
import time

import load
from harness import Daemon, environment_document, function_documents, median, milliseconds, percentile
from report import Row

RUNS = "/api/v1/namespaces/default/workflowruns"
STEPS = 10
AT_ONCE = 1_000
FINISHED = 100_000

SCRIPT = """
wrk.method = "POST"
wrk.body = '{"workflowRef": "%s", "input": 1}'
wrk.headers["Authorization"] = "Bearer %s"
wrk.headers["Content-Type"] = "application/json"
"""


def workflow(name, **spec):
    return {"apiVersion": "hearth/v1", "kind": "Workflow", "metadata": {"name": name}, "spec": spec}


def fetch(daemon, path):
    status, body = daemon.request("GET", path)
    if status != 200:
        raise RuntimeError(f"{path}: {status} {body[:200]}")
    return json.loads(body)


def begin(daemon, name, wait="0s"):
    status, body = daemon.request("POST", f"{RUNS}?wait={wait}", json.dumps({"workflowRef": name, "input": 1}), "application/json")
    if status != 201:
        raise RuntimeError(f"{status} {body[:200]}")
    return json.loads(body)


def calls(daemon, count=300):
    """The function itself through the gateway, one connection."""
    connection = http.client.HTTPConnection(daemon.gateway, timeout=60)
    samples = []
    for _ in range(count):
        began = time.perf_counter()
        connection.request("POST", "/noop", body="1")
        connection.getresponse().read()
        samples.append(time.perf_counter() - began)
    return samples


def step_costs(daemon, call, count=60):
    """Of one run after the other: its time, less its calls, by steps."""
    samples = []
    for _ in range(count):
        began = time.perf_counter()
        run = begin(daemon, "ten", "30s")
        taken = time.perf_counter() - began
        if run["status"]["phase"] != "Succeeded":
            raise RuntimeError(run["status"])
        samples.append(max(0.0, taken / STEPS - call))
    return samples


def many_at_once(daemon):
    """Seconds from the first start of AT_ONCE runs to the end of the last one."""
    began = time.perf_counter()
    ids = [begin(daemon, "ten")["metadata"]["name"] for _ in range(AT_ONCE)]
    for one in ids:
        while fetch(daemon, f"{RUNS}/{one}?wait=60s")["status"]["phase"] == "Running":
            pass
    lost = sum(fetch(daemon, f"{RUNS}/{one}")["status"]["phase"] != "Succeeded" for one in ids[::50])
    return time.perf_counter() - began, lost


def fill(daemon):
    """Until FINISHED runs of a workflow without a step are on disk."""
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "runs.lua"
        script.write_text(SCRIPT % ("nothing", daemon.token))
        made, rates = 0, []
        while made < FINISHED:
            made_now = load.wrk(f"http://{daemon.api}{RUNS}", 32, 5, script=script)
            made += made_now["requests"]
            rates.append(made_now["rate"])
    return made, median(rates)


def timed(daemon, path, count=50):
    samples = []
    for _ in range(count):
        began = time.perf_counter()
        fetch(daemon, path)
        samples.append(time.perf_counter() - began)
    return samples


def workflow_rows():
    with Daemon(env={"HEARTH_WORKFLOWS__MOSTFINISHED": "1000000"}) as daemon:
        daemon.apply([environment_document("python", "hearth/python-env", 2),
                      *function_documents("noop", "python", {"main.py": "def main():\n    return '1'\n"}),
                      workflow("ten", steps=["noop"] * STEPS), workflow("nothing", startAt="s", states={"s": {"type": "Succeed"}})])
        daemon.wait_warm(2, "python")
        calls(daemon, 50)
        call = median(calls(daemon))
        costs = step_costs(daemon, call)
        whole, lost = many_at_once(daemon)
        before = daemon.rss_mib()
        made, rate = fill(daemon)
        after = daemon.rss_mib()
        listing = timed(daemon, RUNS + "?limit=100")
        filtered = timed(daemon, RUNS + "?workflow=ten&phase=Succeeded&limit=100")
        one = fetch(daemon, RUNS + "?workflow=ten&limit=1")["items"][0]["metadata"]["name"]
        describing = timed(daemon, f"{RUNS}/{one}")
    slowest = max(percentile(listing, .95), percentile(filtered, .95))
    return [
        Row("workflow: added time per step besides its call, p50 / p95", f"{milliseconds(median(costs))} / {milliseconds(percentile(costs, .95))}",
            "≤ 2 ms", median(costs) <= .002, {"samples": costs, "call": call}),
        Row(f"{AT_ONCE} runs of {STEPS} steps at once: all succeed", f"{whole:.1f} s, {AT_ONCE * STEPS / whole:.0f} steps/s, {lost} lost", "0 lost",
            lost == 0, {"seconds": whole}),
        Row(f"{made} finished runs on disk: list of 100, p95 (by page, by workflow and phase)", milliseconds(slowest), "≤ 50 ms", slowest <= .05,
            {"page": listing, "filtered": filtered, "runs_per_second": rate}),
        Row("the same: describe a run of ten steps, p95", milliseconds(percentile(describing, .95)), "≤ 50 ms", percentile(describing, .95) <= .05,
            {"samples": describing}),
        Row("memory of the daemon before and with them", f"{before:.0f} / {after:.0f} MiB", "≤ +16 MiB", after - before <= 16, {"before": before, "after": after}),
    ]
