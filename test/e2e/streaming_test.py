"""Bodies streamed both ways with bounded memory, websockets."""

import hashlib
import http.client
import socket
import threading

import documents
from hearth_daemon import resident_bytes, until

MIB = 1 << 20

HASHING = """
import hashlib
from flask import request
def main():
    digest, size = hashlib.sha256(), 0
    while True:
        part = request.stream.read(65536)
        if not part:
            return f"{digest.hexdigest()} {size}"
        digest.update(part)
        size += len(part)
"""

PRODUCING = """
from flask import Response, request
def main():
    block = bytes(range(256)) * 256
    return Response((block for _ in range(int(request.args["mib"]) * 16)), mimetype="application/octet-stream")
"""


class Peak:
    """The largest resident size of a process while it is watched."""

    def __init__(self, pid):
        self._pid, self._stop = pid, threading.Event()
        self.before = self.bytes = resident_bytes(pid)
        self._thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self._stop.wait(0.005):
            self.bytes = max(self.bytes, resident_bytes(self._pid))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *failure):
        self._stop.set()
        self._thread.join()

    @property
    def growth(self):
        return self.bytes - self.before


def test_a_hundred_mebibytes_up_cost_no_memory(daemon):
    daemon.apply(documents.whole("hashing", HASHING))
    daemon.call("/hashing", "POST", b"warm")
    block = bytes(range(256)) * 4096
    expected = hashlib.sha256()
    for _ in range(100):
        expected.update(block)
    with Peak(daemon.process.pid) as peak:
        answer = daemon.call("/hashing", "POST", (block for _ in range(100)), {"Content-Length": str(100 * MIB)}, timeout=300)
    assert answer.text == f"{expected.hexdigest()} {100 * MIB}"
    assert peak.growth < 16 * MIB, f"{peak.growth / MIB:.1f} MiB for a body of 100 MiB"


def test_a_hundred_mebibytes_down_cost_no_memory(daemon):
    daemon.apply(documents.whole("producing", PRODUCING))
    daemon.call("/producing?mib=0")
    connection = http.client.HTTPConnection(daemon.gateway, timeout=300)
    with Peak(daemon.process.pid) as peak:
        connection.request("GET", "/producing?mib=100")
        response = connection.getresponse()
        size = 0
        while part := response.read(65536):
            size += len(part)
    connection.close()
    assert size == 100 * MIB
    assert peak.growth < 16 * MIB, f"{peak.growth / MIB:.1f} MiB for a body of 100 MiB"


def test_a_slow_reader_costs_no_memory_and_holds_up_nobody(daemon):
    daemon.apply(documents.whole("producing", PRODUCING))
    daemon.call("/producing?mib=0")
    slow = http.client.HTTPConnection(daemon.gateway, timeout=300)
    with Peak(daemon.process.pid) as peak:
        slow.request("GET", "/producing?mib=64")
        response = slow.getresponse()
        response.read(1024)
        for _ in range(20):
            assert daemon.call("/producing?mib=1").status == 200
    assert peak.growth < 16 * MIB
    slow.close()


def test_the_answer_arrives_piece_by_piece(shared):
    code = """
from flask import Response, request
import gevent.event
go = gevent.event.Event()
def main():
    if request.args.get("go"):
        go.set()
        return "gone"
    def parts():
        yield "first\\n"
        go.wait()
        yield "second\\n"
    return Response(parts(), mimetype="text/event-stream")
"""
    shared.apply(documents.whole("pieces", code, requestsPerPod=10, concurrency=1))
    connection = http.client.HTTPConnection(shared.gateway, timeout=60)
    connection.request("GET", "/pieces")
    response = connection.getresponse()
    assert response.readline() == b"first\n"  # is here although the function waits
    assert shared.call("/pieces?go=1").text == "gone"
    assert response.readline() == b"second\n"
    connection.close()


def test_the_request_arrives_piece_by_piece(shared):
    code = """
module.exports = async (context) => {
  context.response.status(200);
  for await (const part of context.request) context.response.write(part.toString().toUpperCase());
  context.response.end();
};
"""
    shared.apply(documents.node_function("upper", code))
    host, port = shared.gateway.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 60) as connection, connection.makefile("rb") as answer:
        connection.sendall(b"POST /upper HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
                           b"6\r\nfirst\n\r\n")
        line = answer.readline()
        assert line.startswith(b"HTTP/1.1 200"), line
        while b"FIRST" not in line:  # answered before the request is complete
            line = answer.readline()
            assert line
        connection.sendall(b"5\r\nrest\n\r\n0\r\n\r\n")
        while b"REST" not in line:
            line = answer.readline()
            assert line


def test_a_client_that_leaves_frees_its_instance(shared):
    shared.apply(documents.whole("left", PRODUCING, concurrency=1, requestsPerPod=1))
    shared.call("/left?mib=0")
    connection = http.client.HTTPConnection(shared.gateway, timeout=60)
    connection.request("GET", "/left?mib=500")
    connection.getresponse().read(1024)
    connection.close()
    assert until(lambda: shared.call("/left?mib=0").status == 200, "a free instance")


def test_body_limit_answers_413(daemons):
    daemon = daemons(env={"HEARTH_GATEWAY__MAXBODYSIZE": "1Mi"}).start()
    daemon.apply(documents.whole("hashing", HASHING))
    assert daemon.call("/hashing", "POST", b"x" * MIB).status == 200
    assert daemon.call("/hashing", "POST", b"x" * (MIB + 1)).status == 413


def websocket_to(daemon, path):
    import websocket
    return websocket.create_connection(f"ws://{daemon.gateway}{path}", timeout=60)


def test_websockets_of_python_and_node(shared):
    shared.apply(documents.whole("echo-py", "from flask import request\ndef main():\n    ws = request.websocket\n"
                                 "    while (m := ws.receive()) is not None:\n        ws.send(m.upper())\n    return ''\n"))
    shared.apply(documents.node_function("echo-js", "module.exports = (ws) => ws.on('message', (d) => ws.send(d.toString().toUpperCase()))"))
    for name in ("echo-py", "echo-js"):
        client = websocket_to(shared, f"/{name}")
        for word in ("hello", "w" * 100000):
            client.send(word)
            assert client.recv() == word.upper()
        client.close()
