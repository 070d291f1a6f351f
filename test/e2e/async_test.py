"""Asynchronous calls by a real daemon: accepted durably, called, retried, kept; kill -9 loses none."""

import collections
import http.client
import http.server
import json
import threading
import time

import pytest

import documents
from hearth_daemon import until

ECHO = """
from flask import request, Response
def main():
    body = request.get_data(as_text=True)
    out = {"body": body, "path": request.full_path, "method": request.method,
           "headers": {k.lower(): v for k, v in request.headers.items()}}
    import json
    return Response(json.dumps(out), status=201, mimetype="application/json", headers={"X-Mine": "yes"})
"""

# Fails while the sink says so; tells the sink of each invocation.
TELLING = """
import urllib.request
from flask import request, Response
def main():
    told = urllib.request.Request("http://127.0.0.1:%d/" + request.headers["X-Hearth-Call-Id"],
                                  headers={"X-Attempt": request.headers["X-Hearth-Attempt"]}, data=request.get_data())
    with urllib.request.urlopen(told) as answer:
        return Response(answer.read(), status=int(answer.headers["X-Answer"]))
"""


class Sink:
    """What functions and destinations sent here, in order of arrival."""

    def __init__(self):
        self.seen, self.lock, self.answer = [], threading.Lock(), lambda path, body: 200
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with sink.lock:
                    sink.seen.append((self.path[1:], dict(self.headers.items()), body))
                status = sink.answer(self.path[1:], body)
                self.send_response(200)
                self.send_header("X-Answer", str(status))
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def count(self, path):
        with self.lock:
            return sum(1 for seen in self.seen if seen[0] == path)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def sink():
    made = Sink()
    yield made
    made.close()


def accepted(answer):
    assert answer.status == 202, answer
    assert answer.headers["Location"] == "/_hearth/calls/" + answer.json["id"]
    return answer.json["id"]


def record(daemon, call, wait=None):
    answer = daemon.api("GET", f"/api/v1/namespaces/default/calls/{call}" + (f"?wait={wait}" if wait else ""))
    assert answer.status == 200, answer
    return answer.json


def test_the_caller_gets_an_id_and_later_the_answer(shared):
    shared.apply(documents.whole("later", ECHO))
    first = shared.call("/later?a=b", "POST", "hello", {"X-Hearth-Async": "true", "X-Custom": "c", "Authorization": "Bearer secret",
                                                        "Content-Type": "text/plain", "X-Request-Id": "req-77"})
    call = accepted(first)
    result = shared.call(f"/_hearth/calls/{call}?wait=30s")
    assert result.status == 201, result
    assert result.headers["X-Mine"] == "yes" and result.headers["X-Hearth-Call-State"] == "succeeded"
    seen = result.json
    assert seen["body"] == "hello" and seen["method"] == "POST" and seen["path"] == "/?a=b"
    headers = seen["headers"]
    assert headers["x-custom"] == "c" and headers["x-hearth-call-id"] == call and headers["x-hearth-attempt"] == "1"
    assert headers["x-request-id"] == "req-77" and headers["traceparent"].startswith("00-")
    assert headers["ce-type"] == "hearth.call.queued" and headers["ce-id"] == call
    assert "authorization" not in headers, "a caller's credential is not kept at rest"
    kept = record(shared, call)
    assert kept["state"] == "succeeded" and kept["attempts"] == 1 and kept["history"][0]["status"] == 201
    assert shared.call(f"/_hearth/calls/{call[:-1]}x").status == 404
    by_prefer = shared.call("/later", "POST", "x", {"Prefer": "respond-async"})
    accepted(by_prefer)
    assert by_prefer.headers["Preference-Applied"] == "respond-async"


def test_a_route_can_be_asynchronous_by_itself(shared):
    code = "import time\ndef main():\n    time.sleep(1)\n    return 'done'\n"
    shared.apply(documents.whole("slowly", code)[:3] + [documents.route("slowly", "/slowly", invocationMode="async")])
    shared.call("/slowly", "POST")
    began = time.monotonic()
    call = accepted(shared.call("/slowly", "POST"))
    assert time.monotonic() - began < 0.9
    waiting = shared.call(f"/_hearth/calls/{call}")
    assert waiting.status == 202 and waiting.json["state"] in ("waiting", "running")
    assert shared.call(f"/_hearth/calls/{call}?wait=30s").text == "done"


def test_an_idempotency_key_stands_for_one_call(shared):
    shared.apply(documents.whole("once", ECHO))
    headers = {"X-Hearth-Async": "true", "Idempotency-Key": "order-1"}
    first, again = (shared.call("/once", "POST", "x", headers) for _ in range(2))
    assert accepted(first) == accepted(again)
    assert (first.json["existing"], again.json["existing"]) == (False, True)


def test_a_delay_is_kept_to(shared):
    shared.apply(documents.whole("delayed", ECHO))
    call = accepted(shared.call("/delayed", "POST", "x", {"X-Hearth-Async": "true", "X-Hearth-Delay": "1500ms"}))
    began = time.monotonic()
    assert shared.call(f"/_hearth/calls/{call}?wait=30s").status == 201
    assert 1.0 < time.monotonic() - began < 10
    refused = shared.call("/delayed", "POST", "x", {"X-Hearth-Async": "true", "X-Hearth-Delay": "soon"})
    assert refused.status == 400 and "X-Hearth-Delay" in refused.json["detail"]


def test_a_failing_call_is_retried_becomes_a_dead_letter_and_can_be_mended(shared, sink):
    shared.apply(documents.whole("moody", TELLING % sink.port,
                                 invocation={"retry": {"maxAttempts": 3, "backoffBase": "50ms"}}))
    sink.answer = lambda path, body: 200 if body == b"good" else 500
    call = accepted(shared.call("/moody", "POST", "bad", {"X-Hearth-Async": "true"}))
    dead = record(shared, call, wait="30s")
    assert dead["state"] == "failed" and dead["reason"] == "retriesExhausted"
    assert [one["status"] for one in dead["history"]] == [500, 500, 500]
    assert sink.count(call) == 3
    listed = shared.cli_ok("async", "list", "--state", "failed", "--function", "moody", "-o", "json").json["items"]
    assert [one["id"] for one in listed] == [call]
    assert "retriesExhausted" in shared.cli_ok("async", "get", call).out
    shared.cli_ok("async", "edit", call, "--body", "good")
    shared.cli_ok("async", "redrive", call)
    mended = record(shared, call, wait="30s")
    assert mended["state"] == "succeeded" and mended["attempts"] == 4 and len(mended["history"]) == 4
    assert shared.cli_ok("async", "purge", call).out == "1 call removed\n"
    assert shared.api("GET", f"/api/v1/namespaces/default/calls/{call}").status == 404


def test_a_refusal_is_final(shared, sink):
    shared.apply(documents.whole("strict", TELLING % sink.port))
    sink.answer = lambda path, body: 422
    call = accepted(shared.call("/strict", "POST", "x", {"X-Hearth-Async": "true"}))
    dead = record(shared, call, wait="30s")
    assert (dead["state"], dead["reason"], dead["attempts"]) == ("failed", "refused", 1)
    assert shared.call(f"/_hearth/calls/{call}").status == 422


def test_a_flood_of_one_function_does_not_hold_up_another(shared, sink):
    slow = "import time\ndef main():\n    time.sleep(0.3)\n    return 'slow'\n"
    shared.apply(documents.whole("flood", slow, invocation={"concurrency": 2}))
    shared.apply(documents.whole("quick", ECHO))
    shared.call("/quick"), shared.call("/flood")
    flood = [accepted(shared.call("/flood", "POST", "", {"X-Hearth-Async": "true"})) for _ in range(30)]
    began = time.monotonic()
    call = accepted(shared.call("/quick", "POST", "x", {"X-Hearth-Async": "true"}))
    assert shared.call(f"/_hearth/calls/{call}?wait=30s").status == 201
    assert time.monotonic() - began < 1.5
    running = [record(shared, one)["state"] for one in flood]
    assert running.count("running") <= 2 and running.count("waiting") > 0
    assert record(shared, flood[-1], wait="30s")["state"] == "succeeded"


def test_destinations_are_told_once_the_end_is_certain(daemons, sink):
    daemon = daemons(env={"HEARTH_PACKAGES__ALLOWPRIVATEADDRESSES": "true"}).start()
    daemon.apply(documents.whole("told", TELLING % sink.port))
    url = f"http://127.0.0.1:{sink.port}/hook"
    daemon.apply(documents.whole("work", "def main(): return {'n': 1}, 200\n",
                                 invocation={"onSuccess": {"function": "told"}}))
    daemon.apply(documents.whole("fail", "def main(): return 'no', 400\n",
                                 invocation={"onFailure": {"url": url, "format": "structured"}}))
    good = accepted(daemon.call("/work", "POST", '{"q": 2}', {"X-Hearth-Async": "true", "Content-Type": "application/json"}))
    bad = accepted(daemon.call("/fail", "POST", "x", {"X-Hearth-Async": "true"}))
    until(lambda: len(sink.seen) >= 2, "both destinations")
    told = {"hook" if path == "hook" else "function": (headers, json.loads(body)) for path, headers, body in sink.seen}
    message = told["function"][1]
    assert message["requestContext"]["invocationId"] == good and message["requestContext"]["condition"] == "Success"
    assert message["requestPayload"] == {"q": 2} and message["responsePayload"] == {"n": 1}
    headers, event = told["hook"]
    assert headers["Content-Type"].startswith("application/cloudevents+json")
    assert event["specversion"] == "1.0" and event["type"] == "hearth.call.failed" and event["id"] == bad + "-failed"
    assert event["data"]["requestContext"]["condition"] == "refused"


def test_private_addresses_are_no_destination_by_default(shared, sink):
    shared.apply(documents.whole("leaky", "def main(): return 'x'\n", invocation={
        "retry": {"maxAttempts": 1}, "onSuccess": {"url": f"http://127.0.0.1:{sink.port}/hook"}}))
    call = accepted(shared.call("/leaky", "POST", "", {"X-Hearth-Async": "true"}))
    record(shared, call, wait="30s")

    def told():
        items = shared.api("GET", "/api/v1/namespaces/default/calls?state=failed").json["items"]
        return [one for one in items if one.get("url")]
    dead = until(told, "the message to end as a dead letter")[0]
    assert "127.0.0.1" in dead["message"] and not sink.seen


POINTS = ["calls.before_begin=kill@9", "calls.before_commit=kill@14", "calls.after_commit=kill@21", "calls.after_commit=kill@34",
          "async.after_begin=kill@7", "async.after_call=kill@5", "async.after_settle=kill@6"]


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_loses_no_acknowledged_call_and_every_attempt_is_recorded(daemons, sink, point):
    daemon = daemons().start()
    daemon.apply(documents.whole("counted", TELLING % sink.port))
    assert daemon.terminate() == 0
    daemon.start({"HEARTH_FAILPOINTS": point})
    ids = []
    try:
        for number in range(60):
            answer = daemon.call("/counted", "POST", str(number), {"X-Hearth-Async": "true"}, timeout=5)
            ids.append(accepted(answer))
    except (OSError, http.client.HTTPException):
        pass
    assert daemon.process.wait(30) == -9
    daemon.start()
    attempts = collections.Counter()
    for call in ids:
        kept = record(daemon, call, wait="30s")
        assert kept["state"] == "succeeded", kept
        assert [one["number"] for one in kept["history"]] == list(range(1, kept["attempts"] + 1))
        attempts[call] = kept["attempts"]
    with sink.lock:
        ran = collections.Counter(path for path, _, _ in sink.seen)
        numbers = collections.defaultdict(set)
        for path, headers, _ in sink.seen:
            numbers[path].add(int(headers["X-Attempt"]))
    for call in ids:
        assert 1 <= ran[call] <= attempts[call], (call, ran[call], attempts[call])
        assert numbers[call] <= set(range(1, attempts[call] + 1))
