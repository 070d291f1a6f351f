"""The control plane: deploying, writing, memory and start-up with many functions."""

import http.client
import json
import threading
import time

from harness import Client, Daemon, environment_document, function_documents, median, milliseconds, percentile
from report import Row


def run_control():
    rows = []
    with Daemon() as daemon:
        daemon.apply([environment_document("python", "hearth/python-env", 5),
                      *function_documents("seed", "python", {"main.py": "def main():\n    return 'x'\n"})])
        daemon.wait_warm(5, "python")
        client = Client(daemon.gateway)
        samples = []
        for i in range(20):
            documents = function_documents(f"deploy-{i}", "python", {"main.py": f"def main():\n    return 'v{i}'\n"})
            began = time.perf_counter()
            daemon.apply(documents, "?verify=true")
            status = client.get(f"/deploy-{i}")[0]
            samples.append(time.perf_counter() - began)
            if status != 200:
                raise RuntimeError(str(status))
        rows.append(Row("deploy of a one-file function to its first 200, p50 / p95",
                        f"{milliseconds(median(samples))} / {milliseconds(percentile(samples, .95))}", "≤ 300 ms",
                        percentile(samples, .95) <= .3, {"samples": samples}))
        rows += write_rates(daemon)
    return rows


def write_rates(daemon, threads=16, seconds=4):
    """Durable writes by many clients at once (group commit), reads, and documents of one large apply."""
    def loop(method, path_of, body_of, counts, end, index):
        connection = http.client.HTTPConnection(daemon.api, timeout=60)
        headers = {"Authorization": "Bearer " + daemon.token, "Content-Type": "application/json"}
        n = 0
        while time.time() < end:
            connection.request(method, path_of(index, n), body=body_of(index, n), headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{answer.status}")
            n += 1
        counts[index] = n

    def rate(method, path_of, body_of):
        counts, end = [0] * threads, time.time() + seconds
        workers = [threading.Thread(target=loop, args=(method, path_of, body_of, counts, end, i)) for i in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return sum(counts) / seconds

    def config_map(index, n):
        return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"w{index}"}, "data": {"n": str(n)}})

    daemon.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"w{i}"}, "data": {}} for i in range(threads)])
    base = "/api/v1/namespaces/default/configmaps"
    writes = rate("PUT", lambda i, n: f"{base}/w{i}", config_map)
    reads = rate("GET", lambda i, n: f"{base}/w{i}", lambda i, n: None)
    documents = []
    for i in range(300):
        documents += function_documents(f"bulk-{i}", "python", {"main.py": f"def main():\n    return '{i}'\n"})
    began = time.perf_counter()
    daemon.apply(documents)
    applied = len(documents) / (time.perf_counter() - began)
    return [Row("durable API writes per second, 16 clients (Python clients on the same 2 cores)", f"{writes:,.0f}", "–", True,
                {"rate": writes}),
            Row("API reads per second, 16 clients", f"{reads:,.0f}", "–", True, {"rate": reads}),
            Row("documents per second of one apply", f"{applied:,.0f}", "–", True, {"rate": applied})]


def run_scale():
    rows = []
    for count in (1000, 10_000):
        daemon = Daemon()
        daemon.start()
        try:
            daemon.apply([environment_document("python", "hearth/python-env", 0)])
            package = function_documents("shared", "python", {"main.py": "def main():\n    return 'x'\n"})[0]
            daemon.apply([package])
            for start in range(0, count, 500):
                documents = []
                for i in range(start, start + 500):
                    _, function, trigger = function_documents(f"f{i}", "python", {}, None, f"/scale/f{i}")
                    function["spec"]["package"]["packageref"]["name"] = "shared"
                    documents += [function, trigger]
                daemon.apply(documents)
            daemon.stop(remove=False)
            starts, memories = [], []
            for _ in range(5):
                daemon.start()
                starts.append(daemon.start_seconds)
                client = Client(daemon.gateway)
                if client.get(f"/scale/f{count - 1}")[0] != 200:
                    raise RuntimeError("the last function does not answer")
                time.sleep(1)
                memories.append(daemon.rss_mib())
                daemon.stop(remove=False)
            if count == 1000:
                rows.append(Row("resident memory of the daemon, 1,000 functions and routes", f"{median(memories):.1f} MiB", "≤ 40 MiB",
                                median(memories) <= 40, {"rss_mib": memories}))
            else:
                rows.append(Row("start to serving with 10,000 functions", milliseconds(median(starts)), "≤ 300 ms",
                                median(starts) <= .3, {"seconds": starts}))
                rows.append(Row("resident memory of the daemon, 10,000 functions and routes", f"{median(memories):.1f} MiB", "–", True,
                                {"rss_mib": memories}))
        finally:
            daemon.stop()
    return rows
