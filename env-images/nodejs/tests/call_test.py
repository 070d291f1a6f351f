"""Calls of the Node.js environment: context, callback, bodies, streams, failures, logs, SIGTERM."""

import http.client
import socket
import threading

import pytest

import runtime_under_test as rut

ECHO = """
module.exports = async (context) => {
  const r = context.request;
  return {status: 200, body: {method: r.method, path: r.path, query: r.query, body: r.body, thing: r.headers['x-thing'],
                              get: r.get('X-Thing'), params: r.params, raw: r.rawBody && r.rawBody.toString('latin1')}};
};
"""


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_every_method_and_path_is_the_functions(node, method):
    runtime = node().load({"index.js": ECHO})
    for path in ("/", "/a/b/", "/x//double", "/with%20space"):
        seen = runtime.call(method, path).json
        assert (seen["method"], seen["path"]) == (method, path)


def test_query_headers_and_path_parameters(node):
    runtime = node().load({"index.js": ECHO})
    seen = runtime.call("GET", "/?a=1&a=2&b[c]=3&u=%E2%82%AC", headers={"X-Thing": "t", "X-Fission-Params-id": "7"}).json
    assert seen["query"] == {"a": ["1", "2"], "b": {"c": "3"}, "u": "€"}
    assert (seen["thing"], seen["get"], seen["params"]) == ("t", "t", {"id": "7"})


@pytest.mark.parametrize("content_type, body, wanted", [
    ("application/json", '{"a": [1, "ü"]}', {"a": [1, "ü"]}),
    ("application/json", "3", 3),
    ("application/x-www-form-urlencoded", "x=1&y=%C3%BC", {"x": "1", "y": "ü"}),
    ("text/plain", "words", "words"),
    ("application/octet-stream", "raw", {"type": "Buffer", "data": [114, 97, 119]}),
    ("image/png", "untouched", {}),
])
def test_bodies_by_content_type(node, content_type, body, wanted):
    seen = node().load({"index.js": ECHO}).call("POST", "/", body.encode(), {"Content-Type": content_type}).json
    assert seen["body"] == wanted
    if wanted != {}:
        assert seen["raw"].encode("latin1") == body.encode()


def test_bad_json_is_400(node):
    answer = node().load({"index.js": ECHO}).call("POST", "/", b"{nope", {"Content-Type": "application/json"})
    assert answer.status == 400 and "The request body cannot be read" in answer.text


@pytest.mark.parametrize("code, status, body, header", [
    ("async (c) => ({status: 201, body: 'x', headers: {'X-A': 'b'}})", 201, b"x", ("X-A", "b")),
    ("async (c) => ({body: 'no status'})", 200, b"no status", None),
    ("async (c) => ({status: '202'})", 202, b"", None),
    ("async (c) => 'just text'", 200, b"just text", None),
    ("async (c) => ({hello: 'object'})", 200, b'{"hello":"object"}', ("Content-Type", "application/json; charset=utf-8")),
    ("async (c) => ({body: [1, 2]})", 200, b"[1,2]", None),
    ("async (c) => ({body: Buffer.from([0, 255, 10])})", 200, b"\x00\xff\n", ("Content-Type", "application/octet-stream")),
    ("async (c) => ({body: new Uint8Array([1, 2])})", 200, b"\x01\x02", None),
    ("async (c) => ({body: 42})", 200, b"42", None),
    ("async (c) => undefined", 200, b"", None),
    ("() => ({body: 'no promise, no context'})", 200, b"no promise, no context", None),
    ("(c, cb) => cb(203, 'called back', {'X-B': 'c'})", 203, b"called back", ("X-B", "c")),
    ("(c, cb) => setTimeout(() => cb(200, {a: 1}), 1)", 200, b'{"a":1}', None),
    ("(c, cb) => { cb(200, 'once'); cb(500, 'twice') }", 200, b"once", None),
    ("(c) => { c.response.status(207).send('by express') }", 207, b"by express", None),
    ("(c) => { const r = c.response; setTimeout(() => r.end('later'), 1) }", 200, b"later", None),
    ("async (c) => new Response('fetch style', {status: 206, headers: {'X-C': 'd'}})", 206, b"fetch style", ("X-C", "d")),
    ("async (c) => ({body: require('stream').Readable.from(['a', 'b'])})", 200, b"ab", None),
    ("async function* g() { yield 'x'; yield 'y' }", 200, b"xy", None),
    ("async (c) => { c.response.set('X-D', 'e') }", 200, b"", ("X-D", "e")),
    ("async (c) => ({headers: {'Set-Cookie': ['a=1', 'b=2']}})", 200, b"", ("Set-Cookie", "a=1")),
])
def test_answers(node, code, status, body, header):
    answer = node().load({"index.js": f"module.exports = {code}"}).call()
    assert (answer.status, answer.body) == (status, body)
    if header:
        assert answer.headers[header[0]] == header[1]


@pytest.mark.parametrize("code, kind", [
    ("async () => { throw new TypeError('secret detail') }", "TypeError"),
    ("() => { throw new RangeError('secret detail') }", "RangeError"),
    ("(c, cb) => { throw new Error('secret detail') }", "Error"),
    ("async (c, cb) => { throw new Error('secret detail') }", "Error"),
    ("async () => ({status: 'secret detail'})", "TypeError"),
    ("async () => ({status: 99})", "TypeError"),
])
def test_failures_answer_500_and_log_the_trace_with_the_request_id(node, code, kind):
    runtime = node().load({"index.js": f"module.exports = {code}"})
    answer = runtime.call(headers={"X-Request-Id": "req-1"})
    assert (answer.status, answer.text) == (500, f"The function failed: {kind}. Its log has the trace, request id req-1.\n")
    record = runtime.wait_for_message(f"{kind}: ")
    assert (record["request_id"], record["stream"]) == ("req-1", "err")
    assert runtime.call().status == 500


def test_head_has_the_headers_and_no_body(node):
    runtime = node().load({"index.js": "module.exports = async () => ({body: 'twelve bytes'})"})
    connection = runtime.connect()
    connection.request("HEAD", "/")
    response = connection.getresponse()
    assert (response.status, response.headers["Content-Length"], response.read()) == (200, "12", b"")
    connection.close()


def test_large_binary_body_comes_back_as_it_was(node):
    runtime = node().load({"index.js": "module.exports = async (c) => ({body: c.request.body})"})
    blob = bytes(range(256)) * 4096 * 8
    assert runtime.call("POST", "/", blob, {"Content-Type": "application/octet-stream"}).body == blob


def test_streams_both_ways(node):
    code = """
module.exports = async (context) => {
  const {request, response} = context;
  response.status(200);
  for await (const chunk of request) response.write(chunk.toString().toUpperCase());
  response.end('END');
};
"""
    runtime = node().load({"index.js": code})
    connection = runtime.connect()
    connection.putrequest("POST", "/")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.putheader("Content-Type", "application/x-ndjson")
    connection.endheaders()
    connection.send(b"5\r\nfirst\r\n")
    with connection.sock.makefile("rb") as raw:
        assert raw.readline() == b"HTTP/1.1 200 OK\r\n"  # answers before the request is complete
        text = raw.readline()
        while b"FIRST" not in text:
            text = raw.readline()
        connection.send(b"4\r\nrest\r\n0\r\n\r\n")
        while b"END" not in text:
            text = raw.readline()
    connection.close()


def test_a_function_may_ask_for_every_body_as_a_stream(node):
    code = """
module.exports = async (c) => { let n = 0; for await (const chunk of c.request) n += chunk.length; return {body: n} };
module.exports.hearth = {stream: true};
"""
    runtime = node().load({"index.js": code})
    assert runtime.call("POST", "/", b'{"a": 1}', {"Content-Type": "application/json"}).text == "8"


def test_a_failing_stream_ends_the_connection(node):
    runtime = node().load({"index.js": "module.exports = async () => ({body: (async function*() { yield 'x'.repeat(10); "
                                       "throw new Error('late') })()})"})
    connection = runtime.connect()
    connection.request("GET", "/", headers={"X-Request-Id": "s1"})
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        connection.getresponse().read()
    assert runtime.wait_for_message("late")["request_id"] == "s1"


def test_concurrent_requests_keep_their_ids(node):
    code = """
let waiting = [];
module.exports = async (c) => {
  const n = c.request.query.n;
  console.log('start of', n);
  await new Promise((go) => { waiting.push(go); if (waiting.length === 10) waiting.forEach((w) => w()); });
  for (let i = 0; i < 5; i++) {
    process.stdout.write('half ');
    await new Promise((r) => setImmediate(r));
    console.error('to err', n);
    console.log('line of', n);
  }
};
"""
    runtime = node().load({"index.js": code})
    threads = [threading.Thread(target=runtime.call, args=("GET", f"/?n={n}", None, {"X-Request-Id": f"id-{n}"}))
               for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    runtime.wait_for(lambda r: sum("line of" in m["message"] for m in r.records()) == 50, "50 lines")
    for record in runtime.records():
        assert record["request_id"] == f"id-{record['message'].rsplit(' ', 1)[1]}", record
    assert {r["message"] for r in runtime.records() if r["stream"] == "out"} == \
        {f"start of {n}" for n in range(10)} | {f"half line of {n}" for n in range(10)}


def test_loading_lines_have_no_id_and_unfinished_lines_are_written(node):
    runtime = node().load({"index.js": "console.log('at load'); module.exports = async () => { process.stdout.write('half') }"})
    runtime.call(headers={"X-Request-Id": "h"})
    assert runtime.wait_for_message("at load")["request_id"] == ""
    assert runtime.wait_for_message("half")["request_id"] == "h"


@pytest.mark.parametrize("later", ["setTimeout(() => { throw new Error('boom') }, 1)", "Promise.reject(new Error('boom'))"])
def test_an_uncaught_exception_is_logged_and_ends_the_process_with_1(node, later):
    runtime = node().load({"index.js": f"module.exports = async () => {{ {later}; await new Promise(() => {{}}) }}"})
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        runtime.call(headers={"X-Request-Id": "u1"})
    assert runtime.process.wait(30) == 1
    assert runtime.wait_for_message("Uncaught Error: boom")["request_id"] == "u1"


def test_sigterm_finishes_what_runs_and_exits_0(node):
    code = """
const fs = require('fs');
module.exports = async (c) => {
  console.log('waiting');
  while (!fs.existsSync(c.request.query.flag)) await new Promise((r) => setTimeout(r, 5));
  return {body: 'finished'};
};
"""
    runtime = node().load({"index.js": code})
    flag = runtime.folder / "flag"
    idle = runtime.connect()
    rut.request(idle, "GET", "/healthz")
    result = {}
    thread = threading.Thread(target=lambda: result.update(a=runtime.call("GET", f"/?flag={flag}")))
    thread.start()
    runtime.wait_for_message("waiting")
    runtime.process.terminate()
    for _ in range(3000):
        try:
            runtime.call("GET", "/healthz")
        except (OSError, http.client.HTTPException):
            break
    else:
        raise AssertionError("still accepts connections after SIGTERM")
    flag.touch()
    thread.join(30)
    assert result["a"].text == "finished"
    assert runtime.process.wait(30) == 0
    idle.close()


def test_websocket_echo(node):
    websocket = pytest.importorskip("websocket")
    code = """
module.exports = (ws, clients) => {
  ws.on('message', (data) => ws.send(data.toString().toUpperCase() + clients.size));
};
"""
    runtime = node().load({"index.js": code})
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(runtime.address[5:])
    client = websocket.create_connection("ws://localhost/chat", socket=raw, timeout=30)
    client.send("hello")
    assert client.recv() == "HELLO1"
    client.close()
