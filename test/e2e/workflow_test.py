"""Workflows by a real daemon: durable runs, started in every way, mended, and kill -9 repeats no finished step."""

import collections
import http.client
import http.server
import json
import threading

import pytest

import documents
from hearth_daemon import until

RUNS = "/api/v1/namespaces/default/workflowruns"

# Adds its name to the list it is given.
STEP = """
import json
from flask import request, Response
def main():
    value = request.get_json(force=True) or []
    return Response(json.dumps((value if isinstance(value, list) else [value]) + ["%s"]), mimetype="application/json")
"""

# Tells the sink of each invocation, with its idempotency key, and answers what the sink says.
TELLING = """
import urllib.request
from flask import request, Response
def main():
    told = urllib.request.Request("http://127.0.0.1:%d/%s", headers={"X-Key": request.headers["Idempotency-Key"]},
                                  data=request.get_data())
    with urllib.request.urlopen(told) as answer:
        return Response(answer.read(), status=int(answer.headers["X-Answer"]), mimetype="application/json")
"""


class Sink:
    """The keys that functions came with, in order of arrival."""

    def __init__(self):
        self.seen, self.lock, self.status = [], threading.Lock(), lambda name: 200
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with sink.lock:
                    sink.seen.append((self.path[1:], self.headers["X-Key"]))
                self.send_response(200)
                self.send_header("X-Answer", str(sink.status(self.path[1:])))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def keys(self):
        with self.lock:
            return collections.Counter(key for _, key in self.seen)

    def names(self):
        with self.lock:
            return collections.Counter(name for name, _ in self.seen)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def sink():
    made = Sink()
    yield made
    made.close()


def workflow(name, **spec):
    return {"apiVersion": "hearth/v1", "kind": "Workflow", "metadata": {"name": name}, "spec": spec}


def task(function, **more):
    return {"type": "Task", "function": {"name": function}, **({} if "next" in more else {"end": True}), **more}


def steps(daemon, *names, code=STEP):
    """One environment, one function for each name."""
    found = [documents.environment()]
    for name in names:
        found += documents.whole(name, code.replace("%s", name))[1:3]
    daemon.apply(found)


def start(daemon, name, value=None, wait="30s"):
    answer = daemon.api("POST", f"{RUNS}?wait={wait}", json.dumps({"workflowRef": name, "input": value}),
                        content_type="application/json")
    assert answer.status == 201, answer
    return answer.json


def run_of(daemon, run, wait="30s", io=False):
    answer = daemon.api("GET", f"{RUNS}/{run}?wait={wait}" + ("&io=true" if io else ""))
    assert answer.status == 200, answer
    return answer.json


def test_a_pipeline_runs_and_is_shown(shared):
    steps(shared, "wf-a", "wf-b")
    shared.apply([workflow("pipe", steps=["wf-a", "wf-b", "wf-a"])])
    run = start(shared, "pipe", ["in"])
    assert run["status"]["phase"] == "Succeeded" and run["status"]["output"] == ["in", "wf-a", "wf-b", "wf-a"]
    name = run["metadata"]["name"]
    shown = run_of(shared, name, io=True)["status"]["steps"]
    assert [one["state"] for one in shown] == ["wf-a", "wf-b", "wf-a-2"]
    assert shown[1]["input"] == ["in", "wf-a"] and shown[1]["attempts"][0]["number"] == 1
    ran = shared.cli("workflow", "run", "pipe", "--input", '["x"]', "-o", "json")
    assert ran.code == 0 and ran.json["status"]["output"][0] == "x", ran
    listed = shared.cli_ok("workflow", "list", "--workflow", "pipe", "-o", "name").out.split()
    assert f"workflowrun/{name}" in listed and len(listed) == 2
    assert "wf-b" in shared.cli_ok("workflow", "describe", name).out
    assert "run Succeeded" in shared.cli_ok("workflow", "logs", name).out
    assert shared.cli_ok("workflow", "graph", "pipe").out.startswith("flowchart TD")
    assert "hearth_workflow_runs_succeeded_total" in shared.api("GET", "/metrics").text


def test_faults_are_told_with_their_place(shared):
    steps(shared, "wf-known")
    document = workflow("broken", startAt="a", states={"a": task("wf-known", next="b"), "b": task("wf-gone"),
                                                       "c": {"type": "Succeed"}})
    refused = shared.api("POST", "/api/v1/apply", json.dumps(document), content_type="application/json")
    assert refused.status == 422 and refused.json["errors"][0]["path"] == "spec.states.c", refused
    del document["spec"]["states"]["c"]
    refused = shared.api("POST", "/api/v1/apply", json.dumps(document), content_type="application/json")
    assert refused.status == 422 and refused.json["errors"][0]["path"] == "spec.states.b.function.name", refused


def test_a_map_of_thousands_keeps_its_order_and_its_bound(shared):
    code = """
from flask import request
def main():
    return str(int(request.get_data()) * 2)
"""
    shared.apply([documents.environment(), *documents.whole("wf-double", code)[1:3],
                  workflow("fan", startAt="m", states={"m": {
                      "type": "Map", "end": True, "maxConcurrency": 4, "itemsPath": "$.n",
                      "branches": [{"startAt": "d", "states": {"d": task("wf-double")}}]}})])
    count = 2000
    run = start(shared, "fan", {"n": list(range(count))}, wait="1s")
    for _ in range(20):
        run = run_of(shared, run["metadata"]["name"])
        if run["status"]["phase"] != "Running":
            break
    assert run["status"]["phase"] == "Succeeded", run["status"].get("cause")
    assert run["status"]["output"] == [2 * n for n in range(count)]


def test_a_failed_run_is_redriven_from_its_failed_step(shared, sink):
    steps(shared, "wf-first", "wf-second", code=TELLING.replace("%d", str(sink.port)))
    shared.apply([workflow("mend", steps=["wf-first", "wf-second"], defaultRetry={"maxAttempts": 2, "backoffBase": "10ms"})])
    sink.status = lambda name: 503 if name == "wf-second" else 200
    run = start(shared, "mend", 1)
    name = run["metadata"]["name"]
    assert run["status"]["phase"] == "Failed" and run["status"]["errorType"] == "Fission.FunctionError"
    assert sink.names() == {"wf-first": 1, "wf-second": 2}
    assert shared.cli("workflow", "run", "mend", "--input", "1").code == 1
    before = sink.names()
    sink.status = lambda name: 200
    assert "redriven" in shared.cli_ok("workflow", "redrive", name).out
    assert run_of(shared, name)["status"]["phase"] == "Succeeded"
    assert sink.names()["wf-first"] == before["wf-first"] and sink.keys()[f"{name}/2"] == 3
    assert shared.api("POST", f"{RUNS}/{name}/redrive").status == 409
    assert shared.api("DELETE", f"{RUNS}/{name}").status == 200
    assert shared.api("GET", f"{RUNS}/{name}").status == 404


def test_a_callback_ends_a_step_and_a_sub_workflow_is_one(shared):
    steps(shared, "wf-after")
    shared.apply([workflow("inner", startAt="ask", states={"ask": {"type": "Task", "callback": True, "end": True}}),
                  workflow("outer", startAt="sub", states={
                      "sub": {"type": "Task", "function": {"type": "workflow", "name": "inner"}, "next": "after"},
                      "after": task("wf-after")})])
    outer = start(shared, "outer", 1, wait="0s")["metadata"]["name"]
    inner = until(lambda: shared.api("GET", f"{RUNS}?workflow=inner").json["items"], "the sub-workflow")[0]
    assert inner["status"]["parent"] == outer
    name = inner["metadata"]["name"]
    token = run_of(shared, name, wait="0s")["status"]["steps"][0]["token"]
    assert shared.api("POST", f"{RUNS}/{name}/callbacks/wrong", "{}").status == 404
    assert shared.api("POST", f"{RUNS}/{name}/callbacks/{token}", '{"output": ["yes"]}').status == 200
    assert run_of(shared, outer)["status"]["output"] == ["yes", "wf-after"]


def test_long_values_are_kept_outside_of_memory(shared):
    code = "def main(): return '[\"' + 'x' * 300000 + '\"]'\n"
    shared.apply([documents.environment(), *documents.whole("wf-long", code)[1:3]])
    steps(shared, "wf-short")
    shared.apply([workflow("long", steps=["wf-long", "wf-short"])])
    run = start(shared, "long")
    assert run["status"]["phase"] == "Succeeded"
    assert len(run["status"]["output"][0]) == 300000 and run["status"]["output"][1] == "wf-short"


def test_routes_start_runs(shared):
    steps(shared, "wf-r1", "wf-r2")
    reference = {"type": "workflow", "name": "routed"}
    shared.apply([workflow("routed", steps=["wf-r1", "wf-r2"]),
                  documents.route("routed", "/routed", functionref=reference),
                  documents.route("routed-later", "/routed-later", functionref=reference, invocationMode="async")])
    answer = shared.call("/routed", "POST", '["q"]')
    assert answer.status == 200 and answer.json == ["q", "wf-r1", "wf-r2"], answer
    assert answer.headers["X-Hearth-Workflow-Phase"] == "Succeeded"
    later = shared.call("/routed-later", "POST", "plain", {"Idempotency-Key": "one"})
    assert later.status == 202 and later.headers["Location"].startswith("/_hearth/runs/")
    again = shared.call("/routed-later", "POST", "plain", {"Idempotency-Key": "one"})
    assert again.json["run"] == later.json["run"]
    result = shared.call(later.headers["Location"] + "?wait=30s")
    assert result.status == 200 and result.json == ["plain", "wf-r1", "wf-r2"]
    in_use = shared.api("DELETE", "/api/v1/namespaces/default/workflows/routed")
    assert in_use.status == 409, in_use
    shared.apply([workflow("sour", startAt="f", states={"f": {"type": "Fail", "errorType": "Sour", "cause": "why not"}}),
                  documents.route("sour", "/sour", functionref={"type": "workflow", "name": "sour"})])
    failed = shared.call("/sour", "POST")
    assert failed.status == 502 and "Sour: why not" in failed.json["detail"]


def test_a_timer_starts_runs(shared):
    steps(shared, "wf-t")
    shared.apply([workflow("ticked", steps=["wf-t"]),
                  {"apiVersion": "hearth/v1", "kind": "TimeTrigger", "metadata": {"name": "ticked"},
                   "spec": {"cron": "@every 1s", "body": '["tick"]', "contentType": "application/json",
                            "functionref": {"type": "workflow", "name": "ticked"}}}])
    found = until(lambda: shared.api("GET", f"{RUNS}?workflow=ticked&phase=Succeeded").json["items"], "a run by the timer")
    assert found[-1]["status"]["origin"] == "TimeTrigger/default/ticked"
    assert run_of(shared, found[-1]["metadata"]["name"])["status"]["output"] == ["tick", "wf-t"]
    assert shared.api("DELETE", "/api/v1/namespaces/default/timetriggers/ticked").status == 200


POINTS = ["runs.before_begin=kill@5", "runs.before_commit=kill@9", "runs.after_commit=kill@12", "runs.after_commit=kill@25",
          "workflow.after_append=kill@17", "workflow.after_call=kill@8"]


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_loses_no_run_and_repeats_no_finished_step(daemons, sink, point):
    daemon = daemons().start()
    steps(daemon, "wf-k1", "wf-k2", code=TELLING.replace("%d", str(sink.port)))
    daemon.apply([workflow("killed", startAt="one", states={
        "one": task("wf-k1", next="pause"), "pause": {"type": "Wait", "duration": "20ms", "next": "many"},
        "many": {"type": "Parallel", "end": True, "branches": [
            {"startAt": "a", "states": {"a": task("wf-k1", next="b"), "b": task("wf-k2")}},
            {"startAt": "c", "states": {"c": task("wf-k2")}}]}})])
    assert daemon.terminate() == 0
    daemon.start({"HEARTH_FAILPOINTS": point})
    runs = []
    try:
        for number in range(40):
            answer = daemon.api("POST", RUNS, json.dumps({"workflowRef": "killed", "input": number}), timeout=5)
            assert answer.status == 201, answer
            runs.append(answer.json["metadata"]["name"])
    except (OSError, http.client.HTTPException):
        pass
    assert daemon.process.wait(30) == -9
    before = sink.keys()
    done = collections.Counter()
    daemon.start()
    for number, run in enumerate(runs):
        ended = run_of(daemon, run)
        assert ended["status"]["phase"] == "Succeeded", ended
        assert ended["status"]["output"] == [number, number]
        assert [one["status"] for one in ended["status"]["steps"]] == ["Succeeded"] * 6
        done.update(f"{run}/{one['number']}" for one in ended["status"]["steps"] if one["state"] not in ("pause", "many"))
    counted = sink.keys()
    for key in done:
        # Twice only when the answer had not been written down at the moment of the kill.
        assert counted[key] == 1 or (counted[key] == 2 and before[key] == 1), (key, counted[key], before[key])
    assert runs and sum(counted[key] - 1 for key in done) <= 256
