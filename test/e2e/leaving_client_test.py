"""A client that leaves while its request waits for a place gives the place back."""

import socket
import threading

import documents
from hearth_daemon import until

COUNT = """import time
from flask import request
calls = []
def main():
    calls.append(request.headers.get('X-Request-Id'))
    if request.args.get('slow'):
        time.sleep(float(request.args['slow']))
    return ' '.join(calls)
"""


def raw_request(daemon, path, request_id):
    host, port = daemon.gateway.rsplit(":", 1)
    client = socket.create_connection((host, int(port)))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: {request_id}\r\n\r\n".encode())
    return client


def test_who_leaves_the_queue_takes_no_place(daemon):
    daemon.apply(documents.whole("one", COUNT, requestsPerPod=1, concurrency=1))
    assert daemon.call("/one", headers={"X-Request-Id": "first"}).text == "first"
    slow = threading.Thread(target=daemon.call, args=("/one?slow=4",), kwargs={"headers": {"X-Request-Id": "slow"}})
    slow.start()
    until(lambda: any(i["inFlight"] for i in daemon.instances("one")), "the slow call to run")
    leaving = raw_request(daemon, "/one", "leaver")
    # The record of the call comes while the slow one still runs: the place in the queue is free by then.
    leaving.close()
    until(lambda: " 499 " in daemon.cli("logs", "one", "--request-id", "leaver").out, "the record of the one that left")
    assert slow.is_alive()
    slow.join()
    assert daemon.call("/one", headers={"X-Request-Id": "last"}).text == "first slow last"


def test_who_only_ends_its_sending_side_still_gets_the_answer(daemon):
    daemon.apply(documents.whole("one", COUNT, requestsPerPod=1, concurrency=1))
    daemon.call("/one")
    slow = threading.Thread(target=daemon.call, args=("/one?slow=2",))
    slow.start()
    until(lambda: any(i["inFlight"] for i in daemon.instances("one")), "the slow call to run")
    client = raw_request(daemon, "/one", "patient")
    client.shutdown(socket.SHUT_WR)
    answer = b""
    while piece := client.recv(65536):
        answer += piece
    slow.join()
    heads = answer.decode()
    assert "HTTP/1.1 200 OK\r\n" in heads and "patient" in heads.rsplit("\r\n\r\n", 1)[1], heads
    assert heads.startswith(("HTTP/1.1 200", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200")), heads
