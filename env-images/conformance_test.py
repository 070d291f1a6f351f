"""What a function may rely on in every language: each env-images/*/conformance is started, built and called.

README.md says what a conformance function answers. A behaviour that a language cannot have stands with its reason in
conformance/limits.yaml and is skipped; a language that is not installed fails with what to install.
"""

import concurrent.futures
import hashlib
import http.client
import re
import socket
import time

import pytest

import runtime_under_test as rut
from conformance_calls import BIG, LONG_PAUSE_MS, PIECE, begun, chunked, hold_open, query, send_chunk

MEMORY_LIMIT = 512 * 1024 * 1024  # what an instance gets by default


def test_hello(function):
    answer = function.call("GET", "/hello")
    assert (answer.status, answer.text) == (200, "hello\n")
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_is_the_functions(able, function, method):
    able("methods")
    body = b"" if method == "GET" else f"body of {method}".encode()
    answer = function.call(method, "/echo", body, {"Content-Type": "text/x-own; charset=utf-8"})
    assert (answer.status, answer.body, answer.headers["X-Method"]) == (200, body, method)
    assert answer.headers["Content-Type"] == "text/x-own; charset=utf-8"


def test_head_answers_headers_alone_and_the_connection_stays_usable(able, function):
    able("methods")
    connection = function.connect()
    answer = rut.request(connection, "HEAD", "/echo")
    assert (answer.status, answer.body, answer.headers["X-Method"]) == (200, b"", "HEAD")
    assert rut.request(connection, "GET", "/hello").text == "hello\n"
    connection.close()


def test_binary_body_comes_back_byte_for_byte(function):
    blob = bytes(range(256)) * 16384
    answer = function.call("POST", "/echo", blob, {"Content-Type": "application/octet-stream"})
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(blob).digest()
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_empty_and_chunked_bodies(function):
    assert function.call("POST", "/echo", b"", {"Content-Type": "text/plain"}).body == b""
    connection = chunked(function, "/echo")
    for part in (b"one", b"\r\n", b"\x00two"):
        send_chunk(connection, part)
    connection.send(b"0\r\n\r\n")
    assert connection.getresponse().read() == b"one\r\n\x00two"
    connection.close()


def test_chunk_heads_may_arrive_in_pieces(function):
    connection = chunked(function, "/echo")
    for part in (b"3", b"\r", b"\none\r", b"\n0", b"3\r\n", b"two", b"\r\n", b"0\r\n\r", b"\n"):
        time.sleep(0.02)
        connection.send(part)
    assert connection.getresponse().read() == b"onetwo"
    connection.close()


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
def test_a_body_that_is_cut_short_is_never_taken_for_whole(function, framing):
    piece = b"x" * 1000
    if framing == "chunked":
        connection = chunked(function, "/count")
        send_chunk(connection, piece)
        connection.send(b"3e8\r\n")
    else:
        connection = begun(function, "/count", {"Content-Length": "4000"})
        connection.send(piece)
    connection.sock.shutdown(socket.SHUT_WR)
    try:
        answer = connection.getresponse()
        assert answer.status >= 400, answer.read()
    except (http.client.HTTPException, ConnectionError):
        pass  # the connection was cut instead
    connection.close()
    assert function.call("GET", "/hello").text == "hello\n"


@pytest.mark.parametrize("name", ["Jürgen", "山田", "a b&c=d+%", "🔥"])
def test_unicode(function, name):
    answer = function.call("GET", query("/unicode", name=name))
    assert (answer.status, answer.text) == (200, f"grüß {name} ✓\n")
    assert answer.headers["Content-Type"].lower().replace(" ", "") == "text/plain;charset=utf-8"


@pytest.mark.parametrize("code", [200, 201, 202, 301, 400, 404, 409, 418, 429, 500, 503])
def test_status_and_header(function, code):
    answer = function.call("GET", query("/status", code=code))
    assert (answer.status, answer.headers["X-Custom"], answer.text) == (code, "yes", f"status {code}\n")


def test_request_headers(function):
    answer = function.call("GET", "/headers", headers={"X-Mixed-Case": "Value", "X-Request-Id": "h-1", "X-Fission-Params-Id": "7"})
    assert answer.headers["Content-Type"].startswith("application/json")
    seen = answer.json
    assert (seen["x-mixed-case"], seen["x-request-id"], seen["x-fission-params-id"]) == ("Value", "h-1", "7")


def test_stream_is_whole(function):
    answer = function.call("GET", query("/stream", n=5, ms=10))
    assert answer.text == "".join(f"chunk {i}\n" for i in range(5))


def test_response_chunks_leave_as_they_are_written(able, fresh):
    able("response_streaming")
    connection = fresh().connect()
    connection.request("GET", query("/stream", n=2, ms=LONG_PAUSE_MS))
    response = connection.getresponse()
    assert response.readline() == b"chunk 0\n"  # is here although the function still pauses before the next
    connection.close()


def test_request_body_reaches_the_function_before_it_is_complete(able, fresh):
    able("request_streaming")
    runtime = fresh()
    connection = chunked(runtime, query("/print", text="early"), {"X-Request-Id": "e-1"})
    send_chunk(connection, PIECE)
    runtime.wait_for_message("err early")  # it runs, and the body has no end yet
    send_chunk(connection, PIECE)
    connection.send(b"0\r\n\r\n")
    assert connection.getresponse().read() == b"printed\n"
    connection.close()


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
def test_100_mib_are_received_within_the_memory_limit(able, fresh, framing):
    able("large_request")
    runtime = fresh()
    pieces = BIG // len(PIECE)
    headers = {"Content-Type": "application/octet-stream"}
    if framing == "content-length":
        headers["Content-Length"] = str(BIG)
    answer = runtime.call("POST", "/count", (PIECE for _ in range(pieces)), headers)
    expected = hashlib.sha256()
    for _ in range(pieces):
        expected.update(PIECE)
    assert (answer.status, answer.text) == (200, f"{BIG} {expected.hexdigest()}\n")
    assert runtime.peak_memory() < MEMORY_LIMIT


def test_100_mib_are_sent_within_the_memory_limit(able, fresh):
    able("large_response")
    runtime = fresh()
    connection = runtime.connect()
    connection.request("GET", query("/large", bytes=BIG + 7))
    response = connection.getresponse()
    total, offset, ten = 0, 0, b"0123456789" * 7000
    while piece := response.read(65536):
        assert piece == ten[offset:offset + len(piece)]
        total, offset = total + len(piece), (offset + len(piece)) % 10
    connection.close()
    assert total == BIG + 7
    assert runtime.peak_memory() < MEMORY_LIMIT


def test_small_count_and_large(function):
    assert function.call("POST", "/count", b"abc").text == f"3 {hashlib.sha256(b'abc').hexdigest()}\n"
    assert function.call("GET", query("/large", bytes=25)).text == "0123456789012345678901234"
    assert function.call("GET", query("/large", bytes=0)).body == b""


def test_an_exception_answers_500_and_leaves_its_trace_in_the_log(conformance, fresh):
    runtime = fresh()
    answer = runtime.call("GET", "/throw", headers={"X-Request-Id": "throw-1"})
    assert answer.status == 500
    assert "conformance-throw" not in answer.text, "the message belongs into the log, not to the caller"
    runtime.wait_for_message("conformance-throw")
    if "trace" not in conformance.limits:
        def place_shown(instance):
            return any(conformance.names_a_source(r["message"]) for r in instance.records() if r["request_id"] == "throw-1")
        runtime.wait_for(place_shown, f"line of the trace that names one of {conformance.sources}")
    assert {r["request_id"] for r in runtime.records() if "conformance-throw" in r["message"]} == {"throw-1"}
    assert runtime.call("GET", "/hello").text == "hello\n"


def test_sleep(function):
    answer = function.call("GET", query("/sleep", ms=20))
    assert (answer.status, answer.text) == (200, "slept\n")


def test_print_reaches_the_log_with_stream_and_request_id(conformance, fresh):
    runtime = fresh()
    assert runtime.call("GET", query("/print", text="größe 1"), headers={"X-Request-Id": "p-1"}).text == "printed\n"
    for stream in printed_streams(conformance):
        record = runtime.wait_for_message(f"{stream} größe 1")
        assert record == {"hearth": 1, "stream": stream, "request_id": "p-1", "message": f"{stream} größe 1"}


def printed_streams(conformance):
    return ["err"] if "stdout_log" in conformance.limits else ["out", "err"]


def test_output_stays_plain_when_no_json_is_asked_for(conformance, fresh):
    runtime = fresh(json_log=False)
    runtime.call("GET", query("/print", text="plainly"))
    for stream in printed_streams(conformance):
        runtime.wait_for(lambda r, s=stream: any(f"{s} plainly" in line for line in r.plain(s)), f"plain line on std{stream}")
    assert not runtime.records()


def test_log_lines_of_overlapping_requests_keep_their_ids(conformance, able, fresh):
    able("concurrency")
    able("overlapping_log_ids")
    runtime = fresh()
    held = [hold_open(runtime, f"held-{n}") for n in range(3)]
    numbers = range(40)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: runtime.call("GET", query("/print", text=f"of {n}."), headers={"X-Request-Id": f"of {n}."}), numbers))
    for n in numbers:
        for stream in printed_streams(conformance):
            runtime.wait_for_message(f"{stream} of {n}.")
    for record in runtime.records():
        found = re.search(r"of \d+\.", record["message"])
        assert found and record["request_id"] == found.group(), record
    for connection in held:
        connection.close()
