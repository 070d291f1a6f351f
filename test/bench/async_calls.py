"""Asynchronous calls: how fast they are accepted durably, and how soon they are made."""

import http.client
import pathlib
import tempfile
import time

import load
from harness import Daemon, environment_document, function_documents, median, milliseconds, percentile
from report import Row

SCRIPT = """
wrk.method = "POST"
wrk.body = string.rep("x", 200)
wrk.headers["X-Hearth-Async"] = "true"
wrk.headers["X-Hearth-Delay"] = "%s"
"""


def accept_rate(daemon, connections, seconds=4):
    """Acceptances per second and latencies; the calls themselves are put off, so that only the queue is measured."""
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "async.lua"
        script.write_text(SCRIPT % "24h")
        return load.wrk(f"http://{daemon.gateway}/noop", connections, seconds, script=script)


def start_delays(daemon, count=200):
    """From the acceptance's answer to the call's first attempt: what the long poll of the result adds is within it."""
    connection = http.client.HTTPConnection(daemon.gateway, timeout=60)
    samples = []
    for _ in range(count):
        began = time.perf_counter()
        connection.request("POST", "/noop", body="x", headers={"X-Hearth-Async": "true"})
        answer = connection.getresponse()
        answer.read()
        connection.request("GET", answer.headers["Location"] + "?wait=30s")
        if connection.getresponse().read() != b"ok":
            raise RuntimeError("no answer")
        samples.append(time.perf_counter() - began)
    return samples


def async_rows():
    with Daemon(env={"HEARTH_ASYNC__MAXPENDING": "10000000"}) as daemon:
        daemon.apply([environment_document("python", "hearth/python-env", 2),
                      *function_documents("noop", "python", {"main.py": "def main():\n    return 'ok'\n"})])
        daemon.wait_warm(2, "python")
        whole = start_delays(daemon)
        one = accept_rate(daemon, 1)
        many = accept_rate(daemon, 128)
    return [
        Row("asynchronous call accepted durably, one client, p50", f"{one['p50_us'] / 1000:.2f} ms", "≤ 2 ms", one["p50_us"] <= 2000, one),
        Row("asynchronous calls accepted durably per second, 128 clients (p50)", f"{many['rate']:.0f} /s ({many['p50_us'] / 1000:.1f} ms)",
            "≥ 20,000 /s", many["rate"] >= 20_000, many),
        Row("asynchronous call of a no-op: acceptance, call and result, p50 / p95",
            f"{milliseconds(median(whole))} / {milliseconds(percentile(whole, .95))}", "≤ 20 ms", percentile(whole, .95) <= .02, {"samples": whole}),
    ]
