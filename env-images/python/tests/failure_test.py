"""Failing calls, logs with request ids, SIGTERM."""

import http.client
import threading

import pytest

import runtime_under_test as rut


def test_exception_answers_500_and_logs_the_trace_with_the_request_id(python):
    runtime = python().load({"main.py": "def main():\n    secret = 1\n    return {}['missing']\n"})
    answer = runtime.call(headers={"X-Request-Id": "req-1"})
    assert answer.status == 500
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text == "The function failed: KeyError. Its log has the trace, request id req-1.\n"
    runtime.wait_for_message("KeyError: 'missing'")
    assert {(r["request_id"], r["stream"]) for r in runtime.records()} == {("req-1", "err")}
    assert any("main.py\", line 3" in r["message"] for r in runtime.records())
    assert runtime.call().status == 500  # still there


@pytest.mark.parametrize("expression", ["None", "3", "object()"])
def test_an_answer_flask_does_not_take_is_a_failure(python, expression):
    runtime = python().load({"main.py": f"def main():\n    return {expression}\n"})
    assert runtime.call().status == 500
    runtime.wait_for_message("TypeError: The view function")


def test_failure_in_the_middle_of_a_stream_ends_the_connection_and_is_logged(python):
    runtime = python().load({"main.py": "def main():\n    yield 'part'\n    raise ValueError('late')\n"})
    connection = runtime.connect()
    connection.request("GET", "/", headers={"X-Request-Id": "s1"})
    response = connection.getresponse()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    assert runtime.wait_for_message("ValueError: late")["request_id"] == "s1"


def test_print_stderr_and_logging_become_records(python):
    code = """
import sys, logging
print("while loading")
def main():
    print("one\\ntwo")
    print("no end", end="")
    sys.stderr.write("to err\\n")
    logging.getLogger("mine").info("logged %d", 7)
    logging.debug("noise")
    sys.stdout.buffer.write("bytes ü\\n".encode())
    sys.stdout.flush()
    return "x"
"""
    runtime = python().load({"main.py": code})
    runtime.call(headers={"X-Request-Id": "r7"})
    runtime.wait_for_message("no endbytes ü")
    assert runtime.wait_for_message("while loading")["request_id"] == ""
    seen = [(r["stream"], r["message"]) for r in runtime.records() if r["request_id"] == "r7"]
    assert ("out", "one") in seen and ("out", "two") in seen
    assert ("err", "to err") in seen and ("err", "INFO mine: logged 7") in seen
    assert not any("noise" in message for _, message in seen)
    assert all(r["hearth"] == 1 for r in runtime.records())


def test_unfinished_line_is_written_when_the_request_ends(python):
    runtime = python().load({"main.py": "def main():\n    print('half', end='')\n    return ''\n"})
    runtime.call(headers={"X-Request-Id": "h"})
    assert runtime.wait_for_message("half")["request_id"] == "h"


def test_logging_can_be_set_up_by_the_function(python):
    code = "import logging\nlogging.basicConfig(level=logging.DEBUG, format='F %(message)s')\n" \
           "def main():\n    logging.debug('shown')\n    return ''\n"
    runtime = python().load({"main.py": code})
    runtime.call()
    assert runtime.wait_for_message("F shown")


def test_concurrent_requests_keep_their_ids(python):
    code = """
import gevent, threading
from flask import request
barrier, count = gevent.event.Event(), 0
def main():
    global count
    count += 1
    if count == 10: barrier.set()
    print("start of", request.args["n"])
    barrier.wait(20)
    for _ in range(5):
        print("half", end=" ")
        gevent.sleep(0)
        print("line of", request.args["n"])
    return ""
"""
    runtime = python().load({"main.py": "import gevent.event\n" + code})
    threads = [threading.Thread(target=runtime.call, args=("GET", f"/?n={n}", None, {"X-Request-Id": f"id-{n}"}))
               for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    runtime.wait_for(lambda r: sum("line of" in m["message"] for m in r.records()) == 50, "50 lines")
    for record in runtime.records():
        number = record["message"].rsplit(" ", 1)[1]
        assert record["request_id"] == f"id-{number}", record
    assert {r["message"] for r in runtime.records()} == \
        {f"start of {n}" for n in range(10)} | {f"half line of {n}" for n in range(10)}


def test_without_json_output_is_plain(python):
    runtime = python(json_log=False).load({"main.py": "import sys\ndef main():\n    print('plain')\n    return ''\n"})
    runtime.call()
    runtime.wait_for(lambda r: "plain" in r.plain("out"), "plain line")
    assert runtime.plain("out") == ["plain"]


def test_output_of_child_processes_falls_through_as_plain_lines(python):
    runtime = python().load({"main.py": "import subprocess\ndef main():\n    subprocess.run(['echo', 'child'])\n    return ''\n"})
    runtime.call()
    runtime.wait_for(lambda r: "child" in r.plain("out"), "line of the child")


def test_sigterm_finishes_what_runs_and_exits_0(python):
    code = """
import os, gevent
from flask import request
def main():
    print("waiting")
    while not os.path.exists(request.args["flag"]):
        gevent.sleep(0.01)
    return "finished"
"""
    runtime = python().load({"main.py": code})
    flag = runtime.folder / "flag"
    result = {}
    idle = runtime.connect()
    idle.request("GET", "/healthz")
    idle.getresponse().read()
    thread = threading.Thread(target=lambda: result.update(a=runtime.call("GET", f"/?flag={flag}")))
    thread.start()
    runtime.wait_for_message("waiting")
    runtime.process.terminate()
    _wait_until_refused(runtime)
    flag.touch()
    thread.join(30)
    assert result["a"].text == "finished"
    assert runtime.process.wait(30) == 0
    idle.close()


def _wait_until_refused(runtime):
    for _ in range(3000):
        try:
            runtime.call("GET", "/healthz")
        except (ConnectionError, FileNotFoundError):
            return
    raise AssertionError("still accepts connections after SIGTERM")


def test_sigterm_of_a_generic_instance_exits_0(python):
    assert python().terminate() == 0


def test_sigterm_is_seen_just_before_the_loop_waits(python):
    """The moment is short, and met by one of twenty signals that come right after an answer: often enough that one of these does."""
    for _ in range(60):
        runtime = python()
        idle = runtime.connect()  # its end would wake the loop
        rut.request(idle, "GET", "/healthz")
        assert runtime.terminate() == 0
        idle.close()


@pytest.mark.parametrize("code", ["while True: pass", "import time\n    time.sleep(3600)"])
def test_a_call_that_never_ends_is_cut_off_after_the_drain_limit(python, code):
    runtime = python(env={"HEARTH_DRAIN_SECONDS": "0.5"}).load({"main.py": f"def main():\n    print('begun')\n    {code}\n"})
    connection = runtime.connect()
    connection.request("GET", "/")
    runtime.wait_for_message("begun")
    assert runtime.terminate() == 1
    runtime.wait_for(lambda r: any("calls still run after HEARTH_DRAIN_SECONDS" in line for line in r.plain("err")), "word about it")
    connection.close()


@pytest.mark.parametrize("value", ["", "soon"])
def test_a_drain_limit_that_is_no_number_is_the_default(python, value):
    runtime = python(env={"HEARTH_DRAIN_SECONDS": value}).load({"main.py": "def main(): return 'x'"})
    assert runtime.call().text == "x"
    assert runtime.terminate() == 0
