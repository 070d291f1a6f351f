#!/usr/bin/env python3
"""Measures Hearth and prints a table and JSON. See README.md."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import async_calls
import cold
import control
import dev
import gateway
import harness
import kubernetes
import languages
import queues
import report
import timers
import workflows

PARTS = {"cold": cold.run_cold, "burst": cold.run_burst, "gateway": gateway.run_gateway, "bodies": gateway.run_bodies,
         "control": control.run_control, "scale": control.run_scale, "dev": dev.run_dev, "languages": languages.run_languages,
         "timers": timers.timer_rows, "async": async_calls.async_rows, "workflows": workflows.workflow_rows, "triggers": queues.run_queues, "kubernetes": kubernetes.run_kubernetes}
BY_DEFAULT = [name for name in PARTS if name not in ("kubernetes", "triggers")]  # which need a cluster, or brokers


def main(words):
    unknown = [w for w in words if w not in PARTS]
    if unknown or "-h" in words:
        print(f"usage: run.py [{'|'.join(PARTS)}]...", file=sys.stderr)
        return 2
    if not harness.BINARY.exists():
        print(f"{harness.BINARY} is not there: build it with `cmake --preset release && cmake --build --preset release`",
              file=sys.stderr)
        return 1
    rows = []
    for name in words or BY_DEFAULT:
        print(f"… {name}", file=sys.stderr, flush=True)
        rows += PARTS[name]()
    report.show(rows, harness.ROOT / "build/bench.json")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
