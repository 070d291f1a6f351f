"""Timers: what a thousand of them cost while they wait, and how late calls begin."""

import re
import time

from harness import Daemon, environment_document, function_documents
from report import Row

TIMERS = 1000
SECONDS = 15


def timer(name, cron):
    return {"apiVersion": "hearth/v1", "kind": "TimeTrigger", "metadata": {"name": name},
            "spec": {"cron": cron, "functionref": {"type": "name", "name": "tick"}}}


def share_of_a_core(daemon):
    before, began = daemon.cpu_seconds(), time.perf_counter()
    time.sleep(SECONDS)
    return (daemon.cpu_seconds() - before) / (time.perf_counter() - began)


def lateness(text, share):
    """Upper bound of the bucket that holds this share of all calls."""
    buckets = [(float(bound), int(count)) for bound, count in re.findall(r'hearth_timer_lateness_seconds_bucket\{le="([0-9.]+)"\} (\d+)', text)]
    total = int(re.search(r"hearth_timer_lateness_seconds_count (\d+)", text).group(1))
    return next((bound for bound, count in buckets if count >= share * total), float("inf")), total


def timer_rows():
    rows = []
    with Daemon() as daemon:
        daemon.apply([environment_document("python", "hearth/python-env", 2),
                      *function_documents("tick", "python", {"main.py": "def main():\n    return 'x'\n"})])
        daemon.wait_warm(2, "python")
        time.sleep(2)
        without = share_of_a_core(daemon)
        daemon.apply([timer(f"yearly-{i}", f"{i % 60} {i % 24} 1 1 *") for i in range(TIMERS)])
        time.sleep(2)
        with_them = share_of_a_core(daemon)
        rows.append(Row(f"CPU of the daemon at rest, with {TIMERS:,} timers / without", f"{with_them:.2%} / {without:.2%} of a core",
                        "≤ 0.5 % more", with_them - without <= .005, {"with": with_them, "without": without}))
        daemon.apply([timer(f"each-second-{i}", "* * * * * *") for i in range(20)])
        time.sleep(SECONDS)
        text = daemon.request("GET", "/metrics")[1]
        text = text.decode() if isinstance(text, bytes) else text
        bound, total = lateness(text, .99)
        rows.append(Row(f"start of a timer's call after its slot, p99 of {total} calls, 20 each second", f"≤ {bound * 1000:.0f} ms", "≤ 100 ms",
                        bound <= .1 and total >= 20 * (SECONDS - 3), {"bound": bound, "calls": total}))
    return rows
