"""ASGI applications: plain callables, FastAPI built from requirements, lifespan, streams, websockets, failures."""

import hashlib
import http.client
import socket
import textwrap
import threading

import pytest

import environment_under_test as eut
import runtime_under_test as rut

PLAIN = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    print(scope["method"], scope["path"])
    await send({"type": "http.response.start", "status": 201, "headers": [(b"x-path", scope["path"].encode())]})
    await send({"type": "http.response.body", "body": scope["query_string"] + b"|" + body})
"""


@pytest.mark.parametrize("entry", ["main.app", "app", ""])
def test_a_plain_callable(python, entry):
    runtime = python().load({"main.py": PLAIN}, entry)
    answer = runtime.call("PATCH", "/a/b?c=d", b"body", {"X-Request-Id": "a-1"})
    assert (answer.status, answer.headers["X-Path"], answer.body) == (201, "/a/b", b"c=d|body")
    assert runtime.wait_for_message("PATCH /a/b")["request_id"] == "a-1"


def test_platform_paths_and_a_second_specialize(python):
    runtime = python().load({"main.py": PLAIN}, "app")
    assert runtime.call("GET", "/healthz").text == "ok\n"
    assert runtime.specialize("/x").status == 400
    assert runtime.call("GET", "/healthz", headers={"X-Fission-Function-Name": "f"}).headers["X-Path"] == "/healthz"


def test_the_connection_that_loaded_says_that_it_ends(python):
    runtime = python()
    idle = runtime.connect()
    rut.request(idle, "GET", "/healthz")
    assert runtime.specialize(runtime.code({"main.py": PLAIN}), "app").headers["Connection"] == "close"
    assert idle.sock.recv(1) == b"", "a connection of before is closed, so that nothing is sent on it"
    idle.close()


def test_a_connection_serves_many_requests(python):
    runtime = python().load({"main.py": PLAIN}, "app")
    connection = runtime.connect()
    for number in range(5):
        assert rut.request(connection, "POST", "/", b"x" * number).body == b"|" + b"x" * number
    connection.close()


LIFESPAN = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        %s
        await receive()
        print("shut down")
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": state})
"""


def test_lifespan_starts_before_the_first_request_and_ends_with_sigterm(python):
    code = LIFESPAN % 'global state; state = b"started"; await send({"type": "lifespan.startup.complete"})'
    runtime = python().load({"main.py": code}, "app")
    assert runtime.call().body == b"started"
    assert runtime.terminate() == 0
    runtime.wait_for_message("shut down")


def test_a_failing_startup_is_a_load_error_and_the_instance_stays_generic(python):
    code = LIFESPAN % 'await send({"type": "lifespan.startup.failed", "message": "no database"}); return'
    runtime = python()
    answer = runtime.specialize(runtime.code({"main.py": code}), "app")
    assert (answer.status, answer.text) == (500, "no database\n")
    assert runtime.load({"main.py": PLAIN}, "app").call().status == 201


def test_an_exception_answers_500_and_leaves_its_trace(python):
    code = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/late":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
    raise KeyError("missing")
"""
    runtime = python().load({"main.py": code}, "app")
    answer = runtime.call(headers={"X-Request-Id": "r-1"})
    assert (answer.status, answer.text) == (500, "The function failed: KeyError. Its log has the trace, request id r-1.\n")
    assert runtime.wait_for_message("KeyError: 'missing'")["request_id"] == "r-1"
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        runtime.call("GET", "/late")

    def traces(one):
        return [r for r in one.records() if "KeyError: 'missing'" in r["message"]]

    runtime.wait_for(lambda one: len(traces(one)) > 1, "second trace")
    assert len(traces(runtime)) == 2, "each trace is there once"


def test_streams_both_ways(python):
    code = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message["body"].upper() + b"\\n", "more_body": True})
    await send({"type": "http.response.body", "body": b"END"})
"""
    runtime = python().load({"main.py": code}, "app")
    connection = runtime.connect()
    connection.putrequest("POST", "/")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(b"5\r\nfirst\r\n")
    with connection.sock.makefile("rb") as raw:
        line = raw.readline()
        while b"FIRST" not in line:
            line = raw.readline()
            assert line, "the answer ended early"
        connection.send(b"4\r\nrest\r\n0\r\n\r\n")
        while b"END" not in line:
            line = raw.readline()
    connection.close()


def test_large_bodies_pass_with_bounded_memory(python):
    code = """
import hashlib
async def app(scope, receive, send):
    assert scope["type"] == "http"
    digest, more = hashlib.sha256(), True
    while more:
        message = await receive()
        digest.update(message["body"])
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-digest", digest.hexdigest().encode())]})
    for _ in range(1024):
        await send({"type": "http.response.body", "body": b"0123456789abcdef" * 4096, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
"""
    runtime = python().load({"main.py": code}, "app")
    before, block, sent = runtime.peak_memory(), b"0123456789abcdef" * 4096, hashlib.sha256()
    connection = runtime.connect()
    connection.request("PUT", "/", (block for _ in range(1024)), {"X-Long": "y" * 30000, "Content-Length": str(1024 * len(block))})
    response = connection.getresponse()
    received = 0
    while piece := response.read(65536):
        received += len(piece)
    for _ in range(1024):
        sent.update(block)
    assert (response.headers["X-Digest"], received) == (sent.hexdigest(), 1024 * len(block))
    connection.close()
    assert runtime.peak_memory() - before < 32 * 1024 * 1024, "64 MiB went each way"


def test_sigterm_finishes_what_runs(python):
    code = """
import asyncio, os
async def app(scope, receive, send):
    assert scope["type"] == "http"
    print("waiting")
    while not os.path.exists(scope["query_string"].decode()):
        await asyncio.sleep(0.005)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"finished"})
"""
    runtime = python().load({"main.py": code}, "app")
    flag, result = runtime.folder / "flag", {}
    thread = threading.Thread(target=lambda: result.update(a=runtime.call("GET", f"/?{flag}")))
    thread.start()
    runtime.wait_for_message("waiting")
    runtime.process.terminate()
    flag.touch()
    thread.join(30)
    assert result["a"].text == "finished"
    assert runtime.process.wait(30) == 0


FASTAPI = """
import asyncio, logging, time
from contextlib import asynccontextmanager
import fastapi
from fastapi.responses import StreamingResponse

state = {}

@asynccontextmanager
async def lifespan(app):
    state["loop"] = id(asyncio.get_running_loop())
    yield

app = fastapi.FastAPI(lifespan=lifespan)

@app.get("/items/{number}")
async def item(number: int, q: str = ""):
    logging.getLogger("uvicorn.error").info("item %s", number)
    assert id(asyncio.get_running_loop()) == state["loop"]
    return {"number": number, "q": q}

@app.get("/threaded")
def threaded():
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        print("in a thread")
        time.sleep(0.01)
        return asyncio.run(asyncio.sleep(0.01, "an event loop of its own"))

@app.get("/stream")
async def stream():
    async def parts():
        for n in range(3):
            await asyncio.sleep(0.01)
            yield f"part {n};"
    return StreamingResponse(parts())

@app.get("/fails")
async def fails():
    raise ValueError("of the endpoint")

@app.websocket("/ws")
async def ws(socket: fastapi.WebSocket):
    await socket.accept()
    await socket.send_text((await socket.receive_text()).upper())
    await socket.close()
"""


@pytest.fixture(scope="module")
def fastapi_package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fastapi")
    (folder / "main.py").write_text(FASTAPI)
    (folder / "requirements.txt").write_text("fastapi==0.115.6\n")
    environment = eut.Environment("python")
    environment.ensure_installed(builder=True)
    built = environment.build(folder, folder.parent)
    assert built.status == 0, built.output
    return built.package


@pytest.fixture
def fastapi(python, fastapi_package):
    return python().load_folder(fastapi_package, "main.app")


def test_fastapi_from_requirements(fastapi):
    assert fastapi.call("GET", "/items/3?q=x", headers={"X-Request-Id": "f-1"}).json == {"number": 3, "q": "x"}
    assert fastapi.wait_for_message("item 3")["request_id"] == "f-1"
    assert fastapi.call("GET", "/items/x").status == 422
    assert fastapi.call("GET", "/stream").text == "part 0;part 1;part 2;"
    assert fastapi.call("GET", "/openapi.json").json["paths"].keys() >= {"/items/{number}"}


def test_fastapi_runs_plain_functions_beside_its_event_loop(fastapi):
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(
        fastapi.call("GET", "/threaded", headers={"X-Request-Id": f"t-{n}"}).json)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == ["an event loop of its own"] * 5
    fastapi.wait_for(lambda one: sum(r["message"] == "in a thread" for r in one.records()) > 4, "line of each thread")
    assert {r["request_id"] for r in fastapi.records() if r["message"] == "in a thread"} == {f"t-{n}" for n in range(5)}


def test_fastapi_failure(fastapi):
    assert fastapi.call("GET", "/fails", headers={"X-Request-Id": "f-2"}).status == 500
    assert fastapi.wait_for_message("ValueError: of the endpoint")["request_id"] == "f-2"
    assert len([r for r in fastapi.records() if "ValueError: of the endpoint" in r["message"]]) == 1


def test_fastapi_websocket(fastapi):
    websocket = pytest.importorskip("websocket")
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(fastapi.address[5:])
    client = websocket.create_connection("ws://localhost/ws", socket=raw, timeout=30)
    client.send("hello")
    assert client.recv() == "HELLO"
    client.close()


def test_an_application_class_and_a_failing_import(python):
    code = textwrap.dedent("""
        class Application:
            async def __call__(self, scope, receive, send):
                assert scope["type"] == "http"
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"called"})
        application = Application()
    """)
    assert python().load({"main.py": code}).call().body == b"called"
