"""What a function may rely on in every language: each env-images/*/conformance is started, built and called.

README.md says what a conformance function answers. A behaviour that a language cannot have stands with its reason in
conformance/limits.yaml and is skipped; a language that is not installed fails with what to install.
"""

import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import time
import urllib.parse

import pytest

import environment_under_test as eut
import runtime_under_test as rut
from conformance_package import LANGUAGES, Conformance

# Longer than any stall of a busy machine: what comes before this pause has ended was not held back by it.
LONG_PAUSE_MS = 60_000
BIG = 100 * 1024 * 1024
MEMORY_LIMIT = 512 * 1024 * 1024  # what an instance gets by default
PIECE = b"0123456789abcdef" * 4096


@pytest.fixture(scope="module", params=LANGUAGES)
def conformance(request):
    try:
        package = Conformance(request.param)
    except eut.Missing as missing:
        pytest.fail(str(missing), pytrace=False)
    yield package
    package.close()


@pytest.fixture
def able(conformance):
    """able("concurrency") skips the test where the language says why it cannot."""
    def check(behaviour):
        reason = conformance.limits.get(behaviour)
        if reason:
            pytest.skip(f"{conformance.name}: {reason}")
    return check


@pytest.fixture
def function(conformance):
    """A loaded instance that tests share; they leave it idle."""
    return conformance.shared()


@pytest.fixture
def fresh(conformance):
    """Starts instances of the test's own: fresh() with the function loaded, fresh(loaded=False) generic."""
    started = []

    def start(loaded=True, **options):
        runtime = conformance.start(**options)
        started.append(runtime)
        return conformance.load(runtime) if loaded else runtime

    yield start
    for runtime in started:
        runtime.close()


def query(path, **values):
    return f"{path}?{urllib.parse.urlencode(values)}"


def ended(runtime):
    return runtime.process.wait(rut.START_LIMIT)


def chunked(runtime, path, headers=None):
    """A POST whose body is sent by the caller; returns the connection."""
    return begun(runtime, path, {"Transfer-Encoding": "chunked", **(headers or {})})


def begun(runtime, path, headers):
    connection = runtime.connect()
    connection.putrequest("POST", path)
    for name, value in {"Content-Type": "application/octet-stream", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection


def send_chunk(connection, data):
    connection.send(b"%x\r\n%s\r\n" % (len(data), data))


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


def hold_open(runtime, request_id):
    """A request whose function has begun to answer and is not done: its first chunk is here."""
    connection = runtime.connect()
    connection.request("GET", query("/stream", n=2, ms=LONG_PAUSE_MS), headers={"X-Request-Id": request_id})
    assert connection.getresponse().readline() == b"chunk 0\n"
    return connection


def test_a_call_that_never_returns_leaves_the_others_alone(able, fresh):
    able("concurrency")
    runtime = fresh()
    endless = [runtime.connect() for _ in range(3)]
    for connection in endless:
        connection.request("GET", "/forever")
    for _ in range(5):
        assert runtime.call("GET", "/hello").text == "hello\n"
    for connection in endless:
        connection.close()


@pytest.mark.parametrize("to", ["process", "group"])
def test_sigterm_ends_a_call_that_never_returns_after_the_drain_limit(able, fresh, to):
    able("drain_limit")
    runtime = fresh(env={"HEARTH_DRAIN_SECONDS": "1"})
    endless = runtime.connect()
    endless.request("GET", "/forever", headers={"X-Request-Id": "endless"})
    wait_until_called(runtime)
    terminate(runtime, to)
    ended(runtime)
    with pytest.raises((OSError, http.client.HTTPException)):
        runtime.call("GET", "/healthz")
    endless.close()


def wait_until_called(runtime):
    """Another call has been answered, so the one sent before it has been accepted; a language without concurrency shows nothing."""
    try:
        connection = rut.Connection(runtime.address, timeout=1)
        rut.request(connection, "GET", "/hello")
        connection.close()
    except (OSError, http.client.HTTPException):
        pass


def terminate(runtime, to):
    for pid in [runtime.process.pid] if to == "process" else runtime.processes():
        with contextlib.suppress(ProcessLookupError):  # what the loader has ended already
            os.kill(pid, signal.SIGTERM)


@pytest.mark.parametrize("to", ["process", "group"])
def test_sigterm_lets_a_running_call_finish(able, fresh, to):
    able("drain")
    able("response_streaming")
    runtime = fresh()
    connection = runtime.connect()
    connection.request("GET", query("/stream", n=4, ms=300))
    response = connection.getresponse()
    first = response.readline()
    terminate(runtime, to)
    assert first + response.read() == b"chunk 0\nchunk 1\nchunk 2\nchunk 3\n"
    connection.close()
    assert ended(runtime) == 0


def test_sigterm_ends_an_idle_instance_with_0(fresh):
    runtime = fresh()
    idle = runtime.connect()
    rut.request(idle, "GET", "/hello")
    assert runtime.terminate() == 0
    idle.close()


def test_sigterm_ends_a_generic_instance_with_0(fresh):
    assert fresh(loaded=False).terminate() == 0


def test_a_generic_container_answers_health_and_500(fresh):
    runtime = fresh(loaded=False)
    assert runtime.call("GET", "/healthz").status == 200
    answer = runtime.call("GET", "/hello")
    assert answer.status == 500 and "Generic container: no requests supported" in answer.text


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"filepath": 3}', b'{"filepath": "/x", "env": {"A": 1}}'])
def test_a_bad_order_is_answered_400_and_the_instance_stays_generic(conformance, fresh, body):
    runtime = fresh(loaded=False)
    answer = runtime.call("POST", "/v2/specialize", body, {"Content-Type": "application/json"})
    assert answer.status == 400 and answer.text.strip()
    assert conformance.load(runtime).call("GET", "/hello").text == "hello\n"


def test_second_specialize_is_refused_and_the_function_stays(conformance, fresh):
    runtime = fresh()
    assert runtime.specialize(conformance.package, conformance.entry).status == 400
    assert runtime.call("GET", "/hello").text == "hello\n"


def test_code_that_is_not_there_is_a_load_error(conformance, fresh):
    answer = fresh(loaded=False).specialize("/nowhere/code", conformance.entry)
    assert answer.status == 500 and "/nowhere/code" in answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_code_that_does_not_compile_is_refused_with_the_languages_own_words(conformance, able, fresh):
    able("load_error")
    sources = conformance.source_names(conformance.folder / "broken")
    built, answer = conformance.try_load(fresh(loaded=False), "broken")
    if answer is None:
        text = built.output  # the compiler's
    else:
        assert answer.status == 500, answer.text
        assert answer.headers["Content-Type"].startswith("text/plain")
        text = answer.text
    assert any(name in text for name in sources) and re.search(r"\d", text), f"no file and line in: {text}"


def test_an_exception_at_load_is_answered_with_its_trace(conformance, able, fresh):
    able("load_exception")
    runtime = fresh(loaded=False)
    built, answer = conformance.try_load(runtime, "raises")
    assert answer is not None, f"the package does not build: {built.output}"
    assert answer.status == 500 and "conformance-load" in answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    if "trace" not in conformance.limits:
        sources = conformance.source_names(conformance.folder / "raises")
        assert any(name in answer.text for name in sources), f"no file of {sources} in: {answer.text}"


def test_environment_is_set_before_the_code_loads(conformance, able, fresh):
    able("env_at_load")
    runtime = fresh(loaded=False)
    conformance.load(runtime, env={"CONFORMANCE": "grüß dich", "EMPTY": ""})
    answer = runtime.call("GET", query("/env", name="CONFORMANCE"))
    assert (answer.status, answer.text.rstrip("\n")) == (200, "grüß dich")
    assert runtime.call("GET", query("/env", name="CONFORMANCE_MISSING")).status == 404


def test_a_client_that_leaves_does_not_disturb_the_next(fresh):
    runtime = fresh()
    for path in (query("/large", bytes=BIG), "/hello"):
        connection = runtime.connect()
        connection.request("GET", path)
        connection.sock.recv(1)
        connection.close()
    half = chunked(runtime, "/count")
    send_chunk(half, PIECE)
    half.close()
    assert runtime.call("GET", "/hello").text == "hello\n"


def test_a_connection_serves_many_requests(function):
    connection = function.connect()
    for number in range(10):
        assert rut.request(connection, "POST", "/echo", b"x" * number).body == b"x" * number
    connection.close()


def test_listens_on_tcp(conformance, fresh):
    runtime = fresh(listen=rut.free_address())
    assert runtime.call("GET", "/hello").text == "hello\n"


def test_nothing_is_written_outside_the_temporary_folder(conformance):
    before = conformance.package_digest
    runtime = conformance.start()
    try:
        conformance.load(runtime).call("GET", "/hello")
        assert eut.digest(conformance.package) == before, "loading has changed the package, which is read-only in production"
    finally:
        runtime.close()


def test_a_rebuild_makes_the_same_bytes(conformance, able):
    if not conformance.is_built:
        pytest.skip(f"{conformance.name} runs its sources as they are")
    able("reproducible_build")
    assert eut.digest(conformance.build_again()) == conformance.package_digest


def test_limits_are_known_and_have_reasons(conformance):
    for behaviour, reason in conformance.limits.items():
        assert behaviour in conformance.BEHAVIOURS, f"limits.yaml names {behaviour}; known are {', '.join(conformance.BEHAVIOURS)}"
        assert isinstance(reason, str) and len(reason) > 10, f"limits.yaml must say why {behaviour} is not there"


def test_env_yaml_has_what_the_daemon_needs(conformance):
    spec = conformance.environment.spec
    for key in ("name", "image", "images", "command", "check", "check_remedy"):
        assert spec.get(key), f"env.yaml needs {key}"
    assert spec["name"] == conformance.name
    assert json.dumps(spec)
