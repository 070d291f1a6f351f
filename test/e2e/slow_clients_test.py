"""Clients that are slow on purpose, and a daemon without free file descriptors (study: R-22, R-25)."""

import os
import resource
import socket
import time

import documents
import pytest
from hearth_daemon import until

HELLO = "def main():\n    return 'hello'\n"
ECHO = "from flask import request\ndef main():\n    return str(len(request.get_data()))\n"


def connect(daemon, address=None):
    host, port = (address or daemon.gateway).rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=60)


def read_all(client):
    data = b""
    try:
        while piece := client.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data.decode()


@pytest.fixture
def strict(daemons):
    """A daemon that waits for heads for one second."""
    made = daemons()
    config = made.folder / "hearth.yaml"
    config.write_text("gateway:\n  headerTimeout: 1s\n  idleTimeout: 2s\n")
    made.arguments = ["--config", str(config)]
    made.start()
    made.apply(documents.whole("hello", HELLO) + documents.whole("echo", ECHO)[1:])
    return made


def test_a_head_that_drips_is_ended_with_408_and_costs_nobody_else(strict):
    clients = [connect(strict) for _ in range(50)]
    for client in clients:
        client.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n")
    began = time.monotonic()
    open_ones = list(clients)
    # Bytes that keep coming do not move the limit: it is one for the whole head.
    while open_ones and time.monotonic() - began < 30:
        for client in list(open_ones):
            try:
                client.sendall(b"X")
            except OSError:
                open_ones.remove(client)
        assert strict.call("/hello").text == "hello"
        time.sleep(0.05)
    assert not open_ones
    for client in clients:
        answer = read_all(client)
        assert answer == "" or answer.startswith("HTTP/1.1 408 Request Timeout\r\n"), answer


def test_a_head_that_stops_is_answered_408(strict):
    client = connect(strict)
    client.sendall(b"GET /hello HTTP/1.1\r\nHo")
    answer = read_all(client)
    assert answer.startswith("HTTP/1.1 408 Request Timeout\r\n") and "did not arrive in time" in answer, answer


def test_idle_connections_end_without_an_answer(strict):
    client = connect(strict)
    assert read_all(client) == ""
    client = connect(strict)
    client.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
    assert read_all(client).endswith("hello")


def test_a_body_that_stops_is_answered_408_and_its_instance_is_free(strict):
    client = connect(strict)
    client.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc")
    answer = read_all(client)
    assert answer.startswith("HTTP/1.1 408 Request Timeout\r\n") and '"component":"client"' in answer, answer
    assert strict.call("/echo", "POST", b"x" * 100_000).text == "100000"
    until(lambda: not any(i["inFlight"] for i in strict.instances("echo")), "the lease to end")


def test_without_free_descriptors_the_daemon_waits_and_recovers(daemon):
    daemon.apply(documents.whole("hello", HELLO))
    assert daemon.call("/hello").text == "hello"
    pid = daemon.process.pid
    used = len(os.listdir(f"/proc/{pid}/fd"))
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 12, limits[1]))
    clients = []
    try:
        for _ in range(80):
            clients.append(connect(daemon))
            clients[-1].setblocking(False)
        until(lambda: len(os.listdir(f"/proc/{pid}/fd")) >= used + 10, "the descriptors to run out")
        ticks = os.sysconf("SC_CLK_TCK")

        def processor_time():
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / ticks

        before = processor_time()
        time.sleep(2)
        assert processor_time() - before < 0.5, "the accept loop spins"
        assert daemon.process.poll() is None
    finally:
        for client in clients:
            client.close()
    until(lambda: answers(daemon), "an answer once clients have gone")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    assert [daemon.call("/hello").text for _ in range(20)] == ["hello"] * 20
    assert "file" in daemon.log()
    assert daemon.terminate() == 0


def answers(daemon):
    try:
        return daemon.call("/hello", timeout=5).status == 200
    except OSError:
        return False
