"""NATS triggers on a real server: core subjects at most once, JetStream at least once."""

import os
import time

import pytest

import documents
from queues import reporting, state, status, trigger

from brokers import Nats, Sink
from hearth_daemon import until

# The long run of the release notes: 50000 messages and 50 restarts.
MESSAGES = int(os.environ.get("HEARTH_NATS_MESSAGES", "2000"))
RESTARTS = int(os.environ.get("HEARTH_NATS_RESTARTS", "5"))


@pytest.fixture(scope="module")
def nats():
    server = Nats().start()
    yield server
    server.close()


@pytest.fixture
def client(nats):
    one = nats.client()
    yield one
    one.close()


@pytest.fixture
def sink():
    one = Sink()
    yield one
    one.close()


def test_core_subjects_call_the_function_and_say_that_they_may_lose(nats, client, daemon, sink):
    result = daemon.apply([*reporting(sink), trigger("nats", "core.*", respTopic="answers",
                                                     metadata={"natsServer": nats.address})])
    assert "at most once" in str(result)
    until(lambda: state(daemon) == "Connected", "the state Connected")
    client.subscribe("answers")
    client.publish("core.a", "one")
    until(lambda: sink.seen() == 1, "the message")
    assert client.message()[2] == "done"
    for i in range(200):
        client.publish("core.b", str(i))
    until(lambda: sink.seen() == 201, "all messages")
    assert sink.duplicates() == 0


def test_jetstream_delivers_what_was_stored_before_and_poison_goes_to_the_error_subject(nats, client, daemon, sink):
    client.add_stream("ORDERS", ["orders.>"])
    for i in range(50):
        assert client.store("orders.new", str(i))
    body = ("text = request.get_data(as_text=True)\n    report(text)\n"
            "    if text == '7':\n        return 'no', 500")
    daemon.apply([*reporting(sink, body), trigger("nats-jetstream", "orders.new", errorTopic="lost.orders", maxRetries=1,
                                                  metadata={"natsServer": nats.address, "retryDelay": "50ms"})])
    until(lambda: sink.seen() == 50, "all messages")
    # No stream takes the error subject yet: the message is held and the state says so.
    until(lambda: state(daemon) == "PublishFailing", "the state PublishFailing")
    assert "lost.orders" in status(daemon)["message"]
    client.add_stream("LOST", ["lost.>"])
    until(lambda: state(daemon) == "Connected", "the state Connected")
    found = client.stored("LOST")
    assert [(subject, text) for subject, _, text in found] == [("lost.orders", "7")]
    assert "X-Hearth-Error-Reason: the function answered 500" in found[0][1]
    assert "X-Hearth-Origin-Sequence: 8" in found[0][1]
    assert sink.counts["7"] == 2
    until(lambda: status(daemon)["lag"] == 0, "no lag")


def test_a_call_longer_than_the_acknowledgement_time_is_made_once(nats, client, daemon, sink):
    client.add_stream("SLOW", ["slow"])
    body = "report(request.get_data(as_text=True))\n    import time\n    time.sleep(4)"
    daemon.apply([*reporting(sink, body), trigger("nats-jetstream", "slow", errorTopic="slow-failed",
                                                  metadata={"natsServer": nats.address, "ackWait": "1s"})])
    assert client.store("slow", "x")
    until(lambda: status(daemon).get("delivered") == 1, "the end of the call")
    time.sleep(1.5)
    assert sink.duplicates() == 0


def test_a_stream_that_is_missing_and_refused_credentials_are_states(daemon, sink):
    server = Nats('authorization { user: "hearth", password: "right" }').start()
    try:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
                  "stringData": {"username": "hearth", "password": "wrong"}}
        daemon.apply([secret, *reporting(sink), trigger("nats-jetstream", "jobs", secret="login", errorTopic="jobs-failed",
                                                        metadata={"natsServer": server.address})])
        until(lambda: state(daemon) == "AuthenticationFailed", "the state AuthenticationFailed")
        secret["stringData"]["password"] = "right"
        daemon.apply([secret])
        until(lambda: state(daemon) == "TopicUnavailable", "the state TopicUnavailable")
        assert "no JetStream stream takes the subject jobs" in status(daemon)["message"]
        client = server.client(user="hearth", **{"pass": "right"})
        client.add_stream("JOBS", ["jobs"])
        until(lambda: state(daemon) == "Connected", "the state Connected", limit=90)
        assert client.store("jobs", "1")
        until(lambda: sink.seen() == 1, "the message")
        client.close()
    finally:
        server.close()


def test_jetstream_loses_nothing_over_restarts_of_the_server(daemon, sink):
    server = Nats().start()
    try:
        client = server.client()
        client.add_stream("N", ["n"])
        daemon.apply([*reporting(sink, requestsPerPod=4),
                      trigger("nats-jetstream", "n", errorTopic="n-failed",
                              metadata={"natsServer": server.address, "concurrency": "8"})])
        until(lambda: state(daemon) == "Connected", "the state Connected")
        for restart in range(RESTARTS):
            for i in range(restart * MESSAGES // RESTARTS, (restart + 1) * MESSAGES // RESTARTS):
                assert client.store("n", str(i))
            client.close()
            server.end()
            server.start()
            client = server.client()
            until(lambda: "error" not in client.request("$JS.API.STREAM.INFO.N", {}), "the stream after the restart")
        until(lambda: sink.seen() >= MESSAGES, "every message", limit=max(120, MESSAGES / 50))
        print(f"{MESSAGES} messages, {RESTARTS} restarts: lost 0, {sink.duplicates()} duplicates")
        assert sink.duplicates() <= RESTARTS * 300
        until(lambda: state(daemon) == "Connected", "the state Connected again")
        client.close()
    finally:
        server.close()
