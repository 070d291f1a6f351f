"""Requests to conformance functions that more than one test file makes."""

import urllib.parse

# Longer than any stall of a busy machine: what comes before this pause has ended was not held back by it.
LONG_PAUSE_MS = 60_000
BIG = 100 * 1024 * 1024
PIECE = b"0123456789abcdef" * 4096


def query(path, **values):
    return f"{path}?{urllib.parse.urlencode(values)}"


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


def hold_open(runtime, request_id):
    """A request whose function has begun to answer and is not done: its first chunk is here."""
    connection = runtime.connect()
    connection.request("GET", query("/stream", n=2, ms=LONG_PAUSE_MS), headers={"X-Request-Id": request_id})
    assert connection.getresponse().readline() == b"chunk 0\n"
    return connection
