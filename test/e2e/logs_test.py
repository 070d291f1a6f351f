"""Logs of every call, with request ids, also after the instance is gone."""

import json
import os
import signal
import subprocess

import documents
from hearth_daemon import BINARY, until

CHATTY = """
import sys
from flask import request
print("loading chatty")
def main():
    print("said", request.args.get("w"))
    sys.stderr.write("to err\\n")
    return "ok"
"""


def entries(daemon, name, query=""):
    answer = daemon.api("GET", f"/api/v1/namespaces/default/functions/{name}/logs{query}")
    assert answer.status == 200, answer
    return [json.loads(line) for line in answer.text.splitlines()]


def has(daemon, name, text, query=""):
    return lambda: next((e for e in entries(daemon, name, query) if text in e["message"]), None)


def test_lines_carry_stream_request_id_and_instance(shared):
    shared.apply(documents.whole("chatty", CHATTY))
    request_id = shared.call("/chatty?w=hello").headers["X-Request-Id"]
    said = until(has(shared, "chatty", "said hello"), "the line of the call")
    assert (said["stream"], said["requestId"]) == ("out", request_id)
    assert said["instance"] and said["time"]
    assert until(has(shared, "chatty", "to err"), "the error line")["stream"] == "err"
    assert until(has(shared, "chatty", "loading chatty"), "the line of loading")["requestId"] == ""
    calls = [e for e in entries(shared, "chatty") if e["stream"] == "call"]
    assert any(e["requestId"] == request_id and "200" in e["message"] for e in calls), calls


def test_a_given_request_id_is_kept_and_selects(shared):
    shared.apply(documents.whole("selected", CHATTY))
    for word in ("one", "two"):
        answer = shared.call(f"/selected?w={word}", headers={"X-Request-Id": f"id-{word}"})
        assert answer.headers["X-Request-Id"] == f"id-{word}"
    until(has(shared, "selected", "said two"), "the second call's line")
    chosen = entries(shared, "selected", "?requestId=id-one")
    assert chosen and {e["requestId"] for e in chosen} == {"id-one"}
    text = shared.cli_ok("logs", "selected", "--request-id", "id-two").out
    assert "said two" in text and "said one" not in text


def test_limit_and_since(shared):
    shared.apply(documents.whole("limited", CHATTY))
    for number in range(5):
        shared.call(f"/limited?w={number}")
    until(has(shared, "limited", "said 4"), "the last line")
    assert len(entries(shared, "limited", "?limit=3")) == 3
    assert entries(shared, "limited", "?since=10m")
    assert entries(shared, "limited", "?since=2099-01-01T00:00:00Z") == []


def test_follow_prints_new_lines_as_they_come(shared):
    shared.apply(documents.whole("followed", CHATTY))
    shared.call("/followed?w=before")
    follower = subprocess.Popen([BINARY, "logs", "followed", "-f"], stdout=subprocess.PIPE, text=True,
                                env={**shared.env, "HEARTH_DATA": str(shared.folder)})
    try:
        seen = []
        while not any("said before" in line for line in seen):
            seen.append(follower.stdout.readline())
            assert seen[-1], "logs -f ended"
        shared.call("/followed?w=after")
        while not any("said after" in line for line in seen):
            seen.append(follower.stdout.readline())
            assert seen[-1], "logs -f ended"
    finally:
        follower.terminate()
        follower.wait(30)


def test_logs_outlive_instance_daemon_and_trace_failures(daemon):
    daemon.apply(documents.whole("fails", "def main():\n    return {}['missing']\n"))
    answer = daemon.call("/fails")
    assert answer.status == 500
    until(has(daemon, "fails", "KeyError: 'missing'"), "the trace")
    for instance in daemon.instances("fails"):
        os.kill(instance["pid"], signal.SIGKILL)
    until(lambda: not daemon.instances("fails"), "the end of the instance")
    assert has(daemon, "fails", "KeyError: 'missing'")()
    assert daemon.terminate() == 0
    daemon.start()
    assert has(daemon, "fails", "KeyError: 'missing'")()
    assert "KeyError: 'missing'" in daemon.cli_ok("logs", "fails").out


def test_unknown_function_has_no_log(shared):
    assert shared.api("GET", "/api/v1/namespaces/default/functions/never-was/logs").status == 404
    assert shared.cli("logs", "never-was").code == 3


def test_concurrent_requests_of_one_instance_keep_their_lines_apart(shared):
    import threading
    code = "import time\nfrom flask import request\n" \
           "def main():\n    w = request.args['w']\n    for n in range(3):\n        print('line', w)\n        time.sleep(0.01)\n    return w\n"
    shared.apply(documents.whole("mixed", code, requestsPerPod=10, concurrency=1))
    threads = [threading.Thread(target=shared.call, args=(f"/mixed?w={n}", "GET", None, {"X-Request-Id": f"mixed-{n}"}))
               for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    until(lambda: sum("line" in e["message"] for e in entries(shared, "mixed") if e["stream"] == "out") == 30, "30 lines")
    for entry in entries(shared, "mixed"):
        if entry["stream"] == "out" and entry["message"].startswith("line"):
            assert entry["requestId"] == "mixed-" + entry["message"].split()[1]
