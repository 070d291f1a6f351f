"""Cold starts: one at a time, with secrets, without a pool, and many at once."""

import json
import subprocess
import threading
import time

from harness import (Client, Daemon, environment_document, function_documents, median, milliseconds, percentile)
from report import Row

HELLO = {"main.py": "def main():\n    return 'hello'\n"}


def first_calls(daemon, prefix, count, spec=None, environment="python", pool=5):
    """Seconds of the first call of `count` functions, one after the other, each with a warm instance waiting."""
    documents = []
    for i in range(count):
        documents += function_documents(f"{prefix}-{i}", environment, HELLO, spec)
    daemon.apply(documents)
    client = Client(daemon.gateway)
    samples, phases = [], []
    for i in range(count):
        daemon.wait_warm(pool, environment)
        time.sleep(0.05)
        status, seconds, head, body = client.get(f"/{prefix}-{i}", "X-Hearth-Timing: 1\r\n")
        if status != 200:
            raise RuntimeError(f"{status} {body!r}")
        samples.append(seconds)
        timing = [l for l in head.decode().split("\r\n") if l.lower().startswith("server-timing")]
        phases.append(timing[0] if timing else "")
    return samples, phases


def one_at_a_time(rounds=60):
    secrets = []
    for i in range(5):
        secrets.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"s{i}"}, "stringData": {"key": "v"}})
        secrets.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{i}"}, "data": {"key": "v"}})
    with_secrets = {"secrets": [{"name": f"s{i}"} for i in range(5)], "configmaps": [{"name": f"c{i}"} for i in range(5)]}
    rows = []
    with Daemon() as daemon:
        daemon.apply([environment_document("python", "hearth/python-env", 5),
                      environment_document("nodejs", "hearth/nodejs-env", 3), *secrets])
        first_calls(daemon, "warmup", 5)
        plain, phases = first_calls(daemon, "plain", rounds)
        mounted, _ = first_calls(daemon, "mounted", rounds, with_secrets)
        rows.append(Row("cold start, warm pool, Python hello, p50 / p95",
                        f"{milliseconds(median(plain))} / {milliseconds(percentile(plain, .95))}", "≤ 3 / 10 ms",
                        median(plain) <= .003 and percentile(plain, .95) <= .010,
                        {"p50": median(plain), "p95": percentile(plain, .95), "samples": plain, "last_phases": phases[-1]}))
        ratio = median(mounted) / median(plain)
        rows.append(Row("same with 5 secrets and 5 config maps, ratio of p50", f"{ratio:.2f}", "≤ 1.2", ratio <= 1.2,
                        {"p50": median(mounted), "p95": percentile(mounted, .95)}))
    return rows


def without_a_pool(rounds=12):
    """No generic instance at all, against the bare start of the same runtime until it answers."""
    with Daemon() as daemon:
        daemon.apply([environment_document("python", "hearth/python-env", 0)])
        documents = []
        for i in range(rounds):
            documents += function_documents(f"zero-{i}", "python", HELLO)
        daemon.apply(documents)
        client = Client(daemon.gateway)
        client.get("/zero-0")
        samples = [client.get(f"/zero-{i}")[1] for i in range(1, rounds)]
    bare = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(["/usr/bin/python3", "-c", "import flask, gevent.pywsgi"], check=True)
        bare.append(time.perf_counter() - began)
    ratio = median(samples) / median(bare)
    return [Row("cold start without a pool (forked from the zygote) against importing the server library", f"{ratio:.2f} × "
                f"({milliseconds(median(samples))} / {milliseconds(median(bare))})", "≤ 1.3 ×", ratio <= 1.3,
                {"p50": median(samples), "bare_p50": median(bare)})]


def at_once(daemon, path, count):
    """Statuses and seconds of `count` first calls sent at the same moment."""
    results, gate = [], threading.Barrier(count)

    def call():
        client = Client(daemon.gateway)
        gate.wait()
        status, seconds, _, _ = client.get(path)
        results.append((status, seconds))

    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def many_at_once(rounds=8):
    rows = []
    with Daemon() as daemon:
        daemon.apply([environment_document("python", "hearth/python-env", 3)])
        single, _ = first_calls(daemon, "single", 10, pool=3)
        p95s = []
        for i in range(rounds):
            daemon.apply(function_documents(f"burst-{i}", "python", HELLO))
            daemon.wait_warm(3, "python")
            time.sleep(.3)
            results = at_once(daemon, f"/burst-{i}", 10)
            if any(status != 200 for status, _ in results):
                raise RuntimeError(str(results))
            p95s.append(percentile([s for _, s in results], .95))
        ratio = median(p95s) / median(single)
        rows.append(Row("10 at once on a cold function, pool of 3: p95 against one cold start",
                        f"{ratio:.1f} × ({milliseconds(median(p95s))} / {milliseconds(median(single))})", "≤ 3 ×", ratio <= 3,
                        {"p95": median(p95s), "single_p50": median(single)}))
        daemon.apply(function_documents("herd", "python", HELLO, {"concurrency": 50}))
        began = time.perf_counter()
        results = at_once(daemon, "/herd", 1000)
        seconds = time.perf_counter() - began
        ok = sum(s == 200 for s, _ in results)
        shed = sum(s == 429 for s, _ in results)
        rows.append(Row("1,000 at once on a cold function: 2xx + 429 of 1,000", f"{ok} + {shed} in {seconds:.2f} s",
                        "1,000, none lost", ok + shed == 1000, {"ok": ok, "shed": shed, "seconds": seconds}))
    return rows


def run_cold():
    return one_at_a_time() + without_a_pool()


def run_burst():
    return many_at_once()
