"""An instance from its start over the order to load code to its end, in every language; see conformance_test.py."""

import contextlib
import http.client
import json
import os
import re
import signal

import pytest

import environment_under_test as eut
import runtime_under_test as rut
from conformance_calls import BIG, PIECE, chunked, query, send_chunk


def ended(runtime):
    return runtime.process.wait(rut.START_LIMIT)


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
