"""The gateway against nginx and against calling the instance directly."""

import socket

from harness import Daemon, cpu_seconds, environment_document, function_documents, median
from load import UPSTREAM_SCRIPT, NginxProxy, wrk
from report import Row

ROUNDS = 5
SECONDS = 4


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Stage:
    """A daemon with one shard whose one function is an nginx process, and an nginx worker before the same process."""

    def __enter__(self):
        self.daemon = Daemon(env={"HEARTH_SHARDS": "1", "HEARTH_PROCESS__MEMORY": "2Gi"})
        self.daemon.start()
        command = ["/bin/sh", "-c", UPSTREAM_SCRIPT]
        self.daemon.apply([environment_document("bench", "bench", 1, local={"command": command}),
                           *function_documents("bench", "bench", {"x": "x"}, {"requestsPerPod": 10000, "concurrency": 1},
                                               "/bench"),
                           {"apiVersion": "hearth/v1", "kind": "HTTPTrigger", "metadata": {"name": "prefix"},
                            "spec": {"prefix": "/p", "methods": ["GET", "POST"],
                                     "functionref": {"type": "name", "name": "bench"}}}])
        status, body = self.daemon.request("GET", "/fission-function/bench")
        if status != 200:
            raise RuntimeError(f"{status} {body!r}")
        instance = [i for i in self.daemon.instances() if i["function"] == "bench"][0]
        self.upstream = instance["endpoint"]
        self.nginx = NginxProxy(self.upstream, free_port()).__enter__()
        self.hearth_url = f"http://{self.daemon.gateway}"
        self.nginx_url = f"http://{self.nginx.address}"
        return self

    def __exit__(self, *_):
        self.nginx.__exit__()
        self.daemon.stop()

    def measure(self, side, path, connections, seconds=SECONDS):
        url, pid = ((self.hearth_url, self.daemon.process.pid) if side == "hearth" else (self.nginx_url, self.nginx.worker))
        before = cpu_seconds(pid)
        result = wrk(url + path, connections, seconds)
        result["cpu_us"] = (cpu_seconds(pid) - before) * 1e6 / max(result["requests"], 1)
        result["errors"] = result["non_2xx"] + result["socket_errors"]
        return result


def side_by_side(stage, path, connections, rounds=ROUNDS):
    sides = {"hearth": [], "nginx": []}
    for _ in range(rounds):
        for side, runs in sides.items():
            runs.append(stage.measure(side, path, connections))
    return {side: {key: median([r[key] for r in runs]) for key in runs[0]} for side, runs in sides.items()}


def run_gateway():
    rows = []
    with Stage() as stage:
        stage.measure("hearth", "/bench", 50, 1)
        stage.measure("nginx", "/bench", 50, 1)
        both = side_by_side(stage, "/bench", 50)
        rate = both["hearth"]["rate"] / both["nginx"]["rate"]
        cpu = both["hearth"]["cpu_us"] / both["nginx"]["cpu_us"]
        rows.append(Row("proxied requests per second against one nginx worker, 50 connections",
                        f"{rate:.2f} × ({both['hearth']['rate']:,.0f} / {both['nginx']['rate']:,.0f})", "≥ 1.0 ×", rate >= 1, both))
        rows.append(Row("CPU per request against nginx",
                        f"{cpu:.2f} × ({both['hearth']['cpu_us']:.1f} / {both['nginx']['cpu_us']:.1f} µs)", "≤ 1.0 ×", cpu <= 1,
                        both))
        rows.append(many_clients(stage))
        one = side_by_side(stage, "/bench", 1)
        rows += added_latency(stage, one)
    return rows


def many_clients(stage):
    """Turn by turn, as the machine's caches are shared with others; nginx shows what it takes from any proxy."""
    runs = {(side, clients): [] for side in ("hearth", "nginx") for clients in (50, 500)}
    for _ in range(ROUNDS):
        for (side, clients), measured in runs.items():
            measured.append(stage.measure(side, "/bench", clients, SECONDS))
    middle = {key: median([r["rate"] for r in measured]) for key, measured in runs.items()}
    ratio, reference = (middle[side, 500] / middle[side, 50] for side in ("hearth", "nginx"))
    errors = sum(r["errors"] for r in runs["hearth", 500])
    return Row("500 clients against 50, same function", f"{ratio:.2f} ×, {errors} errors (nginx {reference:.2f} ×)",
               "≥ 0.95 ×, 0 errors", ratio >= .95 and errors == 0,
               {f"{side} {clients}": measured for (side, clients), measured in runs.items()})


def added_latency(stage, one):
    """Against the instance itself: wrk cannot speak to a unix socket, so the bare nginx process is asked over TCP too."""
    direct = DirectUpstream()
    with direct:
        runs = [wrk(direct.url + "/bench", 1, SECONDS) for _ in range(ROUNDS)]
    p50 = one["hearth"]["p50_us"] - median([r["p50_us"] for r in runs])
    p99 = one["hearth"]["p99_us"] - median([r["p99_us"] for r in runs])
    return [Row("added latency of the gateway, 1 connection, p50 / p99", f"{p50:.0f} / {p99:.0f} µs", "≤ 60 / 300 µs",
                p50 <= 60 and p99 <= 300, {"hearth": one["hearth"], "nginx": one["nginx"], "direct": runs})]


class DirectUpstream:
    """The same nginx process on a TCP port, called without anything between."""

    def __enter__(self):
        import os
        import subprocess
        import time
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(["/bin/sh", "-c", UPSTREAM_SCRIPT],
                                        env=dict(os.environ, HEARTH_LISTEN=f"tcp:127.0.0.1:{port}"))
        time.sleep(1)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


def run_bodies():
    with Stage() as stage:
        stage.measure("hearth", "/p/1m", 10, 1)
        rss_before = stage.daemon.rss_mib()
        hearth, nginx = [], []
        for _ in range(ROUNDS):
            hearth.append(stage.measure("hearth", "/p/1m", 16))
            nginx.append(stage.measure("nginx", "/1m", 16))
        growth = stage.daemon.rss_mib() - rss_before
        ratio = median([r["rate"] for r in hearth]) / median([r["rate"] for r in nginx])
        return [Row("1 MiB answers per second against nginx; growth of memory",
                    f"{ratio:.2f} × ({median([r['rate'] for r in hearth]):,.0f} / s), {growth:+.1f} MiB", "≥ 0.7 ×, flat",
                    ratio >= .7 and growth < 8, {"hearth": hearth, "nginx": nginx})]
