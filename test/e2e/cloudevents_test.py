"""CloudEvents in both modes, in and out, with the Python and the JavaScript SDK as peers."""

import datetime
import json
import os
import pathlib
import random
import shutil
import subprocess

import pytest
from cloudevents.core.bindings import http as binding
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

import documents
from async_test import ECHO, Sink
from hearth_daemon import until

CACHE = pathlib.Path(os.environ.get("HEARTH_CACHE", pathlib.Path.home() / ".cache/hearth"))
FORMAT = JSONFormat()

# Reads lines {headers, body}, answers what the SDK makes of each, written anew in the mode of its first argument.
PEER = """
const {HTTP, CloudEvent} = require('cloudevents');
require('readline').createInterface({input: process.stdin}).on('line', line => {
  const {headers, body} = JSON.parse(line);
  const event = HTTP.toEvent({headers, body});
  const message = process.argv[2] === 'binary' ? HTTP.binary(event) : HTTP.structured(event);
  const text = typeof message.body === 'string' ? message.body : JSON.stringify(message.body);
  console.log(JSON.stringify({id: event.id, type: event.type, source: event.source, data: event.data, headers: message.headers, body: text}));
});
"""


def events(count, seed=11):
    draw = random.Random(seed)
    texts = ["plain", "Grüße", "a \"quoted\" 50% text", "😀", "tab\tand space", "x" * 300]
    for number in range(count):
        kind = number % 3
        data = [{"n": number, "text": draw.choice(texts)}, {"list": [1, None, {"deep": draw.choice(texts)}]}, draw.choice(texts)][kind]
        yield CloudEvent(attributes={
            "id": f"e-{number}", "source": draw.choice(["/here", "https://a.example/x?y=z"]), "type": "test." + str(kind),
            "specversion": "1.0", "subject": draw.choice(texts), "time": datetime.datetime(2026, 1, 2, 3, 4, number % 60, tzinfo=datetime.timezone.utc),
            "datacontenttype": "text/plain" if kind == 2 else "application/json", "extra": draw.choice(texts)}, data=data)


def through(daemon, path, message):
    answer = daemon.call(path, "POST", message.body, {k.title() if k == "content-type" else k: v for k, v in message.headers.items()})
    assert answer.status == 201, answer
    seen = answer.json
    return binding.HTTPMessage(headers=seen["headers"], body=seen["body"].encode())


def same(a, b):
    assert a.get_attributes() == b.get_attributes()
    assert a.get_data() == b.get_data()


@pytest.fixture(scope="module")
def event_routes(shared):
    shared.apply(documents.whole("events", ECHO) + [
        documents.route("events-binary", "/events-binary", "events", cloudEvents="binary"),
        documents.route("events-structured", "/events-structured", "events", cloudEvents="structured")])
    return shared


@pytest.mark.parametrize("sent", ["binary", "structured"])
@pytest.mark.parametrize("seen", ["binary", "structured", "as it is"])
def test_the_python_sdk_reads_what_a_function_is_given(event_routes, sent, seen):
    write = binding.to_binary if sent == "binary" else binding.to_structured
    path = "/events" if seen == "as it is" else "/events-" + seen
    mode = sent if seen == "as it is" else seen
    read = binding.from_binary if mode == "binary" else binding.from_structured
    for event in events(40):
        same(read(through(event_routes, path, write(event, FORMAT)), FORMAT), event)


def test_what_is_no_event_is_refused_by_name(event_routes):
    answer = event_routes.call("/events-binary", "POST", "x", {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "t"})
    assert answer.status == 400 and answer.json["detail"] == "no CloudEvent: the attribute source is missing"
    batch = event_routes.call("/events-binary", "POST", "[]", {"Content-Type": "application/cloudevents-batch+json"})
    assert batch.status == 415


@pytest.fixture(scope="module")
def node_peer():
    folder = CACHE / "cloudevents-js-10.0.0"
    if not (folder / "node_modules/cloudevents/package.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "cloudevents@10.0.0"], check=True,
                       timeout=300)
    (folder / "peer.js").write_text(PEER)

    def run(mode, messages):
        lines = "".join(json.dumps(m) + "\n" for m in messages)
        done = subprocess.run([shutil.which("node"), "peer.js", mode], input=lines, capture_output=True, text=True, cwd=folder, timeout=60,
                              check=False)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
    return run


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_the_javascript_sdk_reads_and_writes_the_same_events(event_routes, node_peer, mode):
    other = "structured" if mode == "binary" else "binary"
    wanted = list(events(40, seed=5))
    write = binding.to_binary if mode == "binary" else binding.to_structured
    given = [through(event_routes, "/events-" + mode, write(event, FORMAT)) for event in wanted]
    seen = node_peer(other, [{"headers": m.headers, "body": m.body.decode()} for m in given])
    assert len(seen) == len(wanted)
    for event, got in zip(wanted, seen):
        assert (got["id"], got["type"], got["source"], got["data"]) == (event.get_id(), event.get_type(), event.get_source(), event.get_data())
        back = through(event_routes, "/events-" + mode, binding.HTTPMessage(
            # This SDK writes attributes unencoded: bytes of UTF-8, as they are.
            headers={k.lower(): str(v).encode().decode("latin-1") for k, v in got["headers"].items()}, body=got["body"].encode()))
        read = binding.from_binary if mode == "binary" else binding.from_structured
        again = read(back, FORMAT)
        assert again.get_id() == event.get_id() and again.get_data() == event.get_data()


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_both_sdks_read_what_a_destination_is_told(daemons, node_peer, mode):
    sink = Sink()
    try:
        daemon = daemons(env={"HEARTH_PACKAGES__ALLOWPRIVATEADDRESSES": "true"}).start()
        daemon.apply(documents.whole("ends", "def main(): return {'n': 1}, 200\n", invocation={
            "onSuccess": {"url": f"http://127.0.0.1:{sink.port}/hook", "format": mode}}))
        call = daemon.call("/ends", "POST", "x", {"X-Hearth-Async": "true"}).json["id"]
        until(lambda: sink.seen, "the message")
        _, headers, body = sink.seen[0]
        headers = {k.lower(): v for k, v in headers.items()}
        read = binding.from_binary if mode == "binary" else binding.from_structured
        event = read(binding.HTTPMessage(headers=headers, body=body), FORMAT)
        assert event.get_type() == "hearth.call.succeeded" and event.get_id() == call + "-succeeded"
        assert event.get_data()["responsePayload"] == {"n": 1}
        got = node_peer(mode, [{"headers": headers, "body": body.decode()}])[0]
        assert got["type"] == "hearth.call.succeeded" and got["data"]["requestContext"]["invocationId"] == call
    finally:
        sink.close()
