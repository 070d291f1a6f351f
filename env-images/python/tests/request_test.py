"""What a function sees of a request and may answer: plain Flask."""

import json
import socket
import threading

import pytest

ECHO = """
from flask import request
def main():
    return {
        "method": request.method, "path": request.path, "args": request.args.to_dict(flat=False),
        "form": request.form.to_dict(), "body": request.get_data().decode("latin-1"),
        "header": request.headers.get("X-Thing"), "json": request.get_json(silent=True),
        "cookies": request.cookies, "params": request.headers.get("X-Fission-Params-id"),
    }
"""


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW"])
def test_every_method_and_path_is_the_functions(python, method):
    runtime = python().load({"main.py": ECHO})
    for path in ("/", "/a/b/", "/x//double//slash", "/dots/../up", "/with%20space/%C3%A4"):
        seen = runtime.call(method, path).json
        assert seen["method"] == method
        assert seen["path"] == path.replace("%20", " ").replace("%C3%A4", "ä")


def test_query_form_json_cookies_and_headers(python):
    runtime = python().load({"main.py": ECHO})
    assert runtime.call("GET", "/?a=1&a=2&b=%E2%82%AC").json["args"] == {"a": ["1", "2"], "b": ["€"]}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert runtime.call("POST", "/", "x=1&y=%C3%BC", form).json["form"] == {"x": "1", "y": "ü"}
    assert runtime.call("PATCH", "/", '{"n": [1]}', {"Content-Type": "application/json"}).json["json"] == {"n": [1]}
    seen = runtime.call("GET", "/", headers={"Cookie": "k=v", "X-Thing": "t", "X-Fission-Params-id": "7"}).json
    assert (seen["cookies"], seen["header"], seen["params"]) == ({"k": "v"}, "t", "7")


@pytest.mark.parametrize("expression, status, content_type, body", [
    ("'text ü'", 200, "text/html", "text ü".encode()),
    ("b'\\x00\\xff\\n'", 200, "text/html", b"\x00\xff\n"),
    ("{'a': 1}", 200, "application/json", None),
    ("[1, 2]", 200, "application/json", None),
    ("('created', 201)", 201, "text/html", b"created"),
    ("('x', 418, {'X-A': 'b', 'Content-Type': 'text/css'})", 418, "text/css", b"x"),
    ("flask.Response('r', 203, mimetype='text/csv')", 203, "text/csv", b"r"),
    ("flask.redirect('/elsewhere')", 302, "text/html", None),
    ("('', 204)", 204, None, b""),
    ("flask.abort(409)", 409, "text/html", None),
    ("flask.jsonify(a=[1])", 200, "application/json", None),
    ("(c for c in ['a', 'b'])", 200, "text/html", b"ab"),
])
def test_answers_that_flask_takes(python, expression, status, content_type, body):
    runtime = python().load({"main.py": f"import flask\ndef main():\n    return {expression}"})
    answer = runtime.call()
    assert answer.status == status
    if content_type:
        assert answer.headers["Content-Type"].startswith(content_type)
    if body is not None:
        assert answer.body == body


def test_several_cookies_stay_several_headers(python):
    code = "import flask\ndef main():\n r = flask.Response('x'); r.set_cookie('a','1'); r.set_cookie('b','2'); return r"
    answer = python().load({"main.py": code}).call()
    assert [c.split(";")[0] for c in answer.headers.get_all("Set-Cookie")] == ["a=1", "b=2"]


def test_head_has_the_headers_and_no_body(python):
    runtime = python().load({"main.py": "def main(): return 'twelve bytes'"})
    connection = runtime.connect()
    connection.request("HEAD", "/")
    response = connection.getresponse()
    assert (response.status, response.headers["Content-Length"], response.read()) == (200, "12", b"")
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"twelve bytes"
    connection.close()


def test_a_connection_serves_many_requests(python):
    import runtime_under_test as rut
    runtime = python().load({"main.py": ECHO})
    connection = runtime.connect()
    for number in range(5):
        assert rut.request(connection, "POST", f"/{number}", b"x" * number).json["body"] == "x" * number
    connection.close()


def test_large_binary_body_comes_back_as_it_was(python):
    runtime = python().load({"main.py": "from flask import request\ndef main(): return request.get_data()"})
    blob = bytes(range(256)) * 4096 * 8
    answer = runtime.call("POST", "/", blob, {"Content-Type": "application/octet-stream"})
    assert answer.body == blob


def test_many_and_long_headers_pass(python):
    runtime = python().load({"main.py": "from flask import request\ndef main(): return str(len(request.headers['X-Long']))"})
    headers = {f"X-H{n}": "v" for n in range(200)}
    assert runtime.call("GET", "/?q=" + "x" * 20000, headers={**headers, "X-Long": "y" * 20000}).text == "20000"


def test_response_streams_piece_by_piece(python):
    code = """
from flask import Response, request
import gevent.event
go = gevent.event.Event()
def main():
    if request.path == "/go":
        go.set()
        return "gone"
    def parts():
        yield "first"
        go.wait()
        yield "second"
    return Response(parts(), mimetype="text/plain")
"""
    runtime = python().load({"main.py": code})
    connection = runtime.connect()
    connection.request("GET", "/")
    response = connection.getresponse()
    assert response.read(5) == b"first"  # is here although the function waits
    assert runtime.call("GET", "/go").text == "gone"
    assert response.read() == b"second"
    connection.close()


def test_request_streams_piece_by_piece(python):
    code = """
from flask import request
def main():
    first = request.stream.read(5)
    print("got", first.decode())
    return first + b"+" + request.stream.read()
"""
    runtime = python().load({"main.py": code})
    connection = runtime.connect()
    connection.putrequest("POST", "/")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(b"5\r\nfirst\r\n")
    runtime.wait_for_message("got first")  # read before the rest is sent
    connection.send(b"4\r\nrest\r\n0\r\n\r\n")
    assert connection.getresponse().read() == b"first+rest"
    connection.close()


def test_requests_run_at_once(python):
    code = """
import time
from flask import request
import gevent.event
both, count = gevent.event.Event(), 0
def main():
    global count
    count += 1
    if count == 2: both.set()
    assert both.wait(20)
    return request.path
"""
    runtime = python().load({"main.py": code})
    answers = {}
    threads = [threading.Thread(target=lambda p=p: answers.update({p: runtime.call("GET", p).text})) for p in ("/a", "/b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == {"/a": "/a", "/b": "/b"}


def test_unread_body_does_not_disturb_the_next_request(python):
    import runtime_under_test as rut
    runtime = python().load({"main.py": "from flask import request\ndef main(): return request.path"})
    connection = runtime.connect()
    assert rut.request(connection, "POST", "/1", b"z" * 100000).text == "/1"
    assert rut.request(connection, "GET", "/2").text == "/2"
    connection.close()


def test_expect_continue(python):
    runtime = python().load({"main.py": "from flask import request\ndef main(): return request.get_data()"})
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(30)
        raw.connect(runtime.address[5:])
        raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 100")
        raw.sendall(b"abc")
        answer = b""
        while b"abc" not in answer:
            answer += raw.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200")


def test_websocket_echo(python):
    pytest.importorskip("websocket")
    import websocket
    code = """
from flask import request
def main():
    ws = request.websocket
    while True:
        message = ws.receive()
        if message is None:
            return ""
        ws.send(message.upper())
"""
    runtime = python().load({"main.py": code})
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(runtime.address[5:])
    client = websocket.create_connection("ws://localhost/chat", socket=raw, timeout=30)
    client.send("hello")
    assert client.recv() == "HELLO"
    client.close()
    assert json.loads(json.dumps(runtime.call("GET", "/healthz").text)) == "ok\n"
