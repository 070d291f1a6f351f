"""Programs that are started once and serve HTTP themselves."""

import base64
import hashlib
import os
import pathlib
import select

import pytest

SERVER = pathlib.Path(__file__).with_name("server.py").read_text(encoding="utf-8")
MANIFEST = '{"command": ["python3", "server.py", "--port=$PORT"], "protocol": "http"}'


@pytest.fixture
def binary(start_environment):
    return lambda **options: start_environment("binary", **options)


def started(runtime, source=SERVER, env=None):
    return runtime.load({"hearth.json": MANIFEST, "server.py": source}, env=env or {})


def test_one_process_serves_all_requests(binary):
    runtime = started(binary())
    assert len({runtime.call("GET", "/pid").text for _ in range(3)}) == 1


def test_the_functions_name_may_say_it(binary, tmp_path):
    folder = pathlib.Path(binary().code({"server": "#!/usr/bin/env python3\n" + SERVER, "other": ""}))
    assert binary().load_folder(folder, "http:server").call("GET", "/pid").status == 200


def test_a_program_may_listen_on_the_socket_it_is_given(binary):
    assert started(binary(), env={"SERVE_ON": "socket"}).call("GET", "/pid").status == 200


def test_requests_pass_unchanged(binary):
    answer = started(binary()).call("PATCH", "/echo/a%2Fb//c?x=%20&y;z", b"\x00\xff", {"X-Own": "1", "X-Forwarded-For": "9.9.9.9", "Host": "own.example"})
    assert answer.status == 207 and answer.body == b"\x00\xff"
    assert answer.headers["X-Target"] == "/echo/a%2Fb//c?x=%20&y;z"
    seen = answer.headers["X-Seen"].split(" ")
    assert {"x-own=1", "x-forwarded-for=9.9.9.9", "host=own.example"} <= set(seen)
    assert not {"accept-encoding=gzip", "user-agent=Go-http-client/1.1"} & set(seen)


def test_answers_stream(binary):
    connection = started(binary()).connect()
    connection.request("GET", "/gated")
    response = connection.getresponse()
    assert response.readline() == b"first\n"  # the rest waits for the next request
    assert response.will_close is False
    connection.close()


def test_websockets_pass(binary):
    connection = started(binary()).connect()
    connection.connect()
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sock.sendall((f"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
    stream = connection.sock.makefile("rb")
    assert stream.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
    headers = {}
    while (line := stream.readline()) != b"\r\n":
        name, value = line.decode().strip().split(": ", 1)
        headers[name.lower()] = value
    wanted = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    assert headers["sec-websocket-accept"] == wanted
    connection.sock.sendall(b"ping")
    assert stream.read(4) == b"PING"
    connection.close()


def test_output_has_the_id_of_the_one_request_in_flight(binary):
    runtime = started(binary())
    runtime.wait_for_message("listening")
    runtime.call("GET", "/say?out", headers={"X-Request-Id": "s-1"})
    runtime.call("GET", "/say?err", headers={"X-Request-Id": "s-2"})
    assert runtime.wait_for_message("said out") == {"hearth": 1, "stream": "out", "request_id": "s-1", "message": "said out"}
    assert runtime.wait_for_message("said err") == {"hearth": 1, "stream": "err", "request_id": "s-2", "message": "said err"}
    assert runtime.wait_for_message("listening")["request_id"] == ""


@pytest.mark.parametrize("source, wanted", [
    ("import sys\nsys.exit('no configuration')", ["no configuration", "the program ended with exit code 1 while it was loaded: no configuration"]),
    ("1 / 0", ["Traceback", "server.py", "ZeroDivisionError: division by zero"]),
    ("", ["ended with exit code 0 while it was loaded and wrote nothing to its standard error"]),
    ("import os\nos.kill(os.getpid(), 9)", ["was ended by signal 9"]),
])
def test_a_program_that_ends_at_start_is_a_load_error(binary, source, wanted):
    runtime = binary()
    answer = runtime.specialize(runtime.code({"hearth.json": MANIFEST, "server.py": source}))
    assert answer.status == 500
    for part in wanted:
        assert part in answer.text


@pytest.mark.parametrize("path, code", [("/exit?7", 7), ("/exit?0", 1)])
def test_the_instance_ends_with_its_program(binary, path, code):
    runtime = started(binary())
    answer = runtime.call("GET", path)
    assert answer.status == 502 and "the program did not answer" in answer.text
    assert runtime.process.wait(30) == code
    runtime.wait_for_message(f"the program ended with exit code {path[-1]}")


def test_sigterm_reaches_the_program_after_its_calls(binary):
    runtime = started(binary())
    assert runtime.terminate() == 0
    runtime.wait_for_message("told to stop")


def test_nothing_of_the_program_is_left(binary):
    runtime = started(binary())
    watched = os.pidfd_open(int(runtime.call("GET", "/pid").text))
    runtime.process.kill()
    assert select.select([watched], [], [], 30)[0], "the program outlives its loader"
    os.close(watched)
