"""Kafka triggers on a real broker: at least once, whatever is killed; errors that are told and got over."""

import os
import threading
import time

import pytest

import documents
from queues import reporting, state, status, trigger

from brokers import PASSWORD, USER, Kafka, Sink
from hearth_daemon import until

# The long run of the release notes: 100000 messages.
MESSAGES = int(os.environ.get("HEARTH_QUEUE_MESSAGES", "3000"))
KILL_EVERY = 5  # seconds


@pytest.fixture(scope="module")
def kafka():
    broker = Kafka().start()
    yield broker
    broker.close()


@pytest.fixture
def sink():
    one = Sink()
    yield one
    one.close()


def test_messages_call_the_function_with_headers_and_answers_go_to_the_response_topic(kafka, daemon):
    code = """from flask import request, Response
def main():
    names = ["X-Fission-MQTrigger-Topic", "X-Fission-MQTrigger-RespTopic", "X-Hearth-Queue-Key", "X-Own", "Ce-Source",
             "Ce-Id", "Content-Type", "X-Hearth-Queue-Offset", "Traceparent"]
    return Response("\\n".join(request.headers.get(n, "-") for n in names) + "\\n" + request.get_data(as_text=True),
                    headers={"X-Answer": "yes"})
"""
    daemon.apply([*documents.whole("f", code),
                  trigger("kafka", "orders", respTopic="orders-done", contentType="text/csv",
                          metadata={"bootstrapServers": kafka.address})])
    kafka.produce("orders", ["k1:a,b"], key_delimiter=":", headers=["X-Own=mine"])
    answers = until(lambda: kafka.consume("orders-done"), "an answer")
    lines = answers[0]["payload"].split("\n")
    assert lines[:4] == ["orders", "orders-done", "k1", "mine"]
    assert lines[4] == "/hearth/messagequeuetriggers/default/q"
    assert lines[5].startswith("orders-") and lines[5].endswith("-0")
    assert lines[6:8] == ["text/csv", "0"]
    assert lines[8].startswith("00-")
    assert lines[9] == "a,b"
    assert answers[0]["key"] == "k1"
    headers = answers[0]["headers"]
    assert headers[headers.index("X-Answer") + 1] == "yes"
    until(lambda: state(daemon) == "Connected" and status(daemon)["delivered"] == 1, "the state Connected")
    shown = daemon.cli_ok("get", "mqt").out
    assert "Connected" in shown and "orders" in shown
    assert "hearth_queue_messages_total" in daemon.api("GET", "/metrics").text


def test_poison_goes_to_the_error_topic_and_the_rest_is_done(kafka, daemon, sink):
    body = ("text = request.get_data(as_text=True)\n    report(text)\n"
            "    if text == 'poison':\n        return 'no', 500")
    daemon.apply([*reporting(sink, body),
                  trigger("kafka", "mixed", errorTopic="mixed-failed", maxRetries=2,
                          metadata={"bootstrapServers": kafka.address, "retryDelay": "50ms"})])
    kafka.produce("mixed", [*(str(i) for i in range(100)), "poison", *(str(i) for i in range(100, 200))])
    failed = until(lambda: kafka.consume("mixed-failed"), "the poison in the error topic")
    until(lambda: sink.seen() == 201, "all messages")
    assert [m["payload"] for m in failed] == ["poison"]
    headers = dict(zip(failed[0]["headers"][::2], failed[0]["headers"][1::2]))
    assert headers["X-Hearth-Error-Reason"] == "the function answered 500"
    assert headers["X-Hearth-Error-Attempts"] == "3"
    assert headers["X-Hearth-Origin-Topic"] == "mixed"
    assert sink.counts["poison"] == 3
    assert sink.duplicates() == 2
    until(lambda: status(daemon)["lag"] == 0, "no lag")
    assert status(daemon)["failed"] == 1


def test_messages_of_a_key_keep_their_order_and_batches_come_as_cloudevents(kafka, daemon, sink):
    body = ("import json\n    events = json.loads(request.get_data())\n"
            "    assert request.headers['Content-Type'] == 'application/cloudevents-batch+json'\n"
            "    for event in events:\n        report(event['partitionkey'] + ':' + str(event['data']['n']))")
    daemon.apply([*reporting(sink, body),
                  trigger("kafka", "keyed", errorTopic="keyed-failed",
                          metadata={"bootstrapServers": kafka.address, "batchSize": "50", "concurrency": "8"})])
    kafka.produce("keyed", ['k%d|{"n": %d}' % (i % 10, i) for i in range(1000)], key_delimiter="|")
    until(lambda: sink.seen() == 1000, "all messages")
    assert sink.duplicates() == 0
    last = {}
    for line in sink.order:
        key, number = line.split(":")
        assert last.get(key, -1) < int(number), f"{line} came after {last[key]}"
        last[key] = int(number)


def test_a_broker_that_comes_late_goes_and_comes_back_is_a_state(daemon, sink):
    broker = Kafka()
    try:
        daemon.apply([*reporting(sink), trigger("kafka", "late", metadata={"bootstrapServers": broker.address})])
        until(lambda: "127.0.0.1" in status(daemon).get("message", ""), "a state that names the broker")
        assert state(daemon) == "Connecting"
        condition = next(c for c in status(daemon)["conditions"] if c["type"] == "Ready")
        assert condition["status"] == "False" and condition["reason"] == "Connecting"
        broker.start()
        broker.produce("late", ["1", "2"])
        until(lambda: sink.seen() == 2, "messages of before the daemon had its broker")
        until(lambda: state(daemon) == "Connected", "the state Connected")
        broker.kill()
        until(lambda: state(daemon) == "Disconnected", "the state Disconnected")
        broker.start()
        broker.produce("late", ["3"])
        until(lambda: sink.seen() == 3, "the message after the broker's return")
        until(lambda: state(daemon) == "Connected", "the state Connected again")
    finally:
        broker.close()


def secret(password):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
            "stringData": {"username": USER, "password": password}}


def test_refused_credentials_are_told_and_mended_by_the_secret(kafka, daemon, sink):
    kafka.produce("guarded", ["1"])
    login = trigger("kafka", "guarded", secret="login",
                    metadata={"bootstrapServers": f"127.0.0.1:{kafka.sasl_port}", "sasl": "plaintext"})
    daemon.apply([secret("wrong"), *reporting(sink), login])
    until(lambda: state(daemon) == "AuthenticationFailed", "the state AuthenticationFailed")
    assert "uthentication" in status(daemon)["message"]
    assert "wrong" not in str(status(daemon))
    daemon.apply([secret(PASSWORD)])
    until(lambda: sink.seen() == 1, "the message after the Secret was mended")
    refused = daemon.api("DELETE", "/api/v1/namespaces/default/secrets/login")
    assert refused.status == 409 and "MessageQueueTrigger" in refused.text


def test_triggers_go_with_their_function(kafka, daemon, sink):
    daemon.apply([*reporting(sink), trigger("kafka", "gone", metadata={"bootstrapServers": kafka.address})])
    until(lambda: state(daemon) is not None, "a state")
    described = daemon.cli_ok("describe", "function", "f").out
    assert "messagequeuetrigger/q" in described
    assert daemon.api("DELETE", "/api/v1/namespaces/default/functions/f").status == 200
    assert daemon.api("GET", "/api/v1/namespaces/default/messagequeuetriggers/q").status == 404


def test_nothing_is_lost_while_daemon_and_broker_are_killed_in_turn(daemon, sink):
    broker = Kafka(partitions=6).start()
    stop = threading.Event()
    kills = []

    def kill_in_turn():
        while not stop.wait(KILL_EVERY):
            if len(kills) % 2 == 0:
                daemon.kill()
                daemon.start()
            else:
                broker.kill()
                broker.start()
            kills.append(time.monotonic())

    try:
        daemon.apply([*reporting(sink, requestsPerPod=4),
                      trigger("kafka", "numbers", errorTopic="numbers-failed", maxRetries=3,
                              metadata={"bootstrapServers": broker.address, "concurrency": "8", "retryDelay": "100ms"})])
        broker.produce("numbers", ["start"])
        until(lambda: sink.seen() == 1, "the first message")
        killer = threading.Thread(target=kill_in_turn)
        killer.start()
        produced = 0
        end = time.monotonic() + max(20, MESSAGES / 100)
        while produced < MESSAGES or len(kills) < 4:
            lines = [str(i) for i in range(produced, min(produced + 500, MESSAGES))]
            if lines:
                broker.produce("numbers", lines)
                produced += len(lines)
            time.sleep(.2)
            assert time.monotonic() < end + 300
        stop.set()
        killer.join()
        wanted = {str(i) for i in range(MESSAGES)}
        failed = {m["payload"] for m in broker.consume("numbers-failed")}
        until(lambda: wanted <= set(sink.counts) | failed, "every message", limit=max(120, MESSAGES / 50))
        print(f"{MESSAGES} messages, {len(kills)} kills: lost 0, {sink.duplicates()} duplicates, {len(failed)} in the error topic")
        # Each kill may repeat what ran and what was not committed yet: a second's worth, and the calls in flight.
        assert sink.duplicates() <= len(kills) * 2000
    finally:
        stop.set()
        broker.close()
