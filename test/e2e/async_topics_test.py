"""Topics and subjects as destinations of asynchronous calls, on real brokers."""

import json

import pytest
import yaml

import documents
import queues  # noqa: F401  (puts test/support on the path)

from brokers import PASSWORD, USER, Kafka, Nats
from hearth_daemon import until

GOOD = "def main(): return {'n': 1}, 200\n"
BAD = "def main(): return 'no', 400\n"


@pytest.fixture(scope="module")
def kafka():
    broker = Kafka().start()
    yield broker
    broker.close()


@pytest.fixture(scope="module")
def nats():
    server = Nats().start()
    yield server
    server.close()


def called(daemon, name, body="x"):
    answer = daemon.call(f"/{name}", "POST", body, {"X-Hearth-Async": "true"})
    assert answer.status == 202, answer
    return answer.json["id"]


def destinations(daemon, state):
    items = daemon.api("GET", f"/api/v1/namespaces/default/calls?state={state}").json["items"]
    return [one for one in items if one.get("url")]


def test_kafka_topics_get_a_cloudevent_of_each_end(kafka, daemon):
    daemon.apply(documents.whole("work", GOOD, invocation={
        "onSuccess": {"topic": {"name": "ended", "servers": kafka.address}}}))
    daemon.apply(documents.whole("fail", BAD, invocation={
        "onFailure": {"format": "structured", "topic": {"name": "lost", "servers": kafka.address}}}))
    good, bad = called(daemon, "work"), called(daemon, "fail")
    ended = until(lambda: kafka.consume("ended"), "the message of the success")
    headers = dict(zip(ended[0]["headers"][::2], ended[0]["headers"][1::2]))
    assert headers["ce_id"] == good + "-succeeded" and headers["ce_type"] == "hearth.call.succeeded"
    assert headers["ce_specversion"] == "1.0" and headers["content-type"] == "application/json"
    assert json.loads(ended[0]["payload"])["responsePayload"] == {"n": 1}
    lost = until(lambda: kafka.consume("lost"), "the message of the failure")
    event = json.loads(lost[0]["payload"])
    assert event["id"] == bad + "-failed" and event["data"]["requestContext"]["condition"] == "refused"
    until(lambda: len(destinations(daemon, "succeeded")) == 2, "both messages settled")
    assert {one["url"] for one in destinations(daemon, "succeeded")} == {
        f"kafka://{kafka.address}/ended", f"kafka://{kafka.address}/lost"}
    assert len(kafka.consume("ended")) == 1 and len(kafka.consume("lost")) == 1


def test_credentials_come_from_a_secret_and_a_corrected_one_is_used(kafka, daemon):
    def login(password):
        return {"apiVersion": "hearth/v1", "kind": "Secret", "metadata": {"name": "login"},
                "stringData": {"sasl": "plaintext", "username": USER, "password": password}}
    address = f"127.0.0.1:{kafka.sasl_port}"
    daemon.apply([login(PASSWORD), *documents.whole("work", GOOD, invocation={
        "retry": {"maxAttempts": 20, "backoffBase": "200ms", "backoffCap": "1s"},
        "onSuccess": {"topic": {"name": "secured", "servers": address, "secret": "login"}}})])
    called(daemon, "work")
    until(lambda: kafka.consume("secured"), "the message of a client that may publish")


def test_jetstream_confirms_and_a_subject_gets_it_at_once(nats, daemon):
    client = nats.client()
    client.add_stream("ENDS", ["ends.*"])
    daemon.apply(documents.whole("work", GOOD, invocation={"onSuccess": {"topic": {
        "name": "ends.work", "messageQueueType": "nats-jetstream", "servers": nats.address}}}))
    good = called(daemon, "work")
    subject, headers, body = until(lambda: client.stored("ENDS"), "the message in the stream")[0]
    assert subject == "ends.work" and f"ce-id: {good}-succeeded" in headers.lower()
    assert json.loads(body)["requestContext"]["invocationId"] == good

    listener = nats.client()
    listener.subscribe("plain")
    listener.flush()
    daemon.apply(documents.whole("core", GOOD, invocation={"onSuccess": {"topic": {
        "name": "plain", "messageQueueType": "nats", "servers": nats.address}}}))
    good = called(daemon, "core")
    assert json.loads(listener.message()[2])["requestContext"]["invocationId"] == good
    until(lambda: len(destinations(daemon, "succeeded")) == 2, "both messages settled")


def test_what_no_broker_takes_is_retried_then_a_dead_letter_that_can_be_redriven(daemon):
    server = Nats()
    retry = {"maxAttempts": 1}
    daemon.apply(documents.whole("work", GOOD, invocation={"retry": retry, "onSuccess": {"topic": {
        "name": "later.x", "messageQueueType": "nats-jetstream", "servers": server.address}}}))
    called(daemon, "work")
    dead = until(lambda: destinations(daemon, "failed"), "the dead letter", limit=120)[0]
    assert dead["reason"] == "retriesExhausted" and server.address in dead["message"]
    try:
        server.start()
        client = server.client()
        client.add_stream("LATER", ["later.*"])
        daemon.cli_ok("async", "redrive", dead["id"])
        until(lambda: client.stored("LATER"), "the message after the redrive")
    finally:
        server.close()


def test_a_broker_that_comes_back_gets_the_message(daemon):
    server = Nats()
    daemon.apply(documents.whole("work", GOOD, invocation={"onSuccess": {"topic": {
        "name": "back", "messageQueueType": "nats", "servers": server.address}}}))
    called(daemon, "work")
    waiting = until(lambda: [one for one in destinations(daemon, "waiting") if one["attempts"] > 0],
                    "a failed attempt that is made again")
    assert server.address in waiting[0]["url"].replace("%2F", "/")
    try:
        server.start()
        listener = server.client()
        listener.subscribe("back")
        listener.flush()
        assert json.loads(listener.message()[2])["requestContext"]["condition"] == "Success"
    finally:
        server.close()


def test_a_destination_must_exist_and_is_not_deleted_unseen(daemon):
    bad = daemon.api("POST", "/api/v1/apply", documents.whole("work", GOOD, invocation={
        "onSuccess": {"function": "nobody"}, "onFailure": {"topic": {"name": "t", "secret": "none"}}}))
    assert bad.status == 422, bad
    paths = {one["path"] for one in bad.json["errors"]}
    assert paths == {"spec.invocation.onSuccess.function", "spec.invocation.onFailure.topic.secret"}
    daemon.apply(documents.whole("told", GOOD))
    daemon.apply(documents.whole("work", GOOD, invocation={"onSuccess": {"function": "told"}}))
    refused = daemon.api("DELETE", "/api/v1/namespaces/default/functions/told")
    assert refused.status == 409 and "Function default/work" in refused.json["detail"]
    assert daemon.api("DELETE", "/api/v1/namespaces/default/functions/work").status == 200
    assert daemon.api("DELETE", "/api/v1/namespaces/default/functions/told").status == 200
    daemon.apply(documents.whole("own", BAD, invocation={"onFailure": {"function": "own"}}))
    assert daemon.api("DELETE", "/api/v1/namespaces/default/functions/own").status == 200


def test_functions_that_tell_others_go_with_them_from_a_file_in_any_order(daemon, tmp_path):
    invocation = {"onSuccess": {"function": "told"}}
    daemon.apply(documents.whole("told", GOOD))
    daemon.apply(documents.whole("work", GOOD, invocation=invocation))
    file = tmp_path / "both.yaml"
    file.write_text(yaml.safe_dump_all([documents.function("told"), documents.function("work", invocation=invocation)]))
    gone = daemon.cli("delete", "-f", file)
    assert gone.code == 0, gone
    left = daemon.api("GET", "/api/v1/namespaces/default/functions").json["items"]
    assert {one["metadata"]["name"] for one in left}.isdisjoint({"told", "work"})
