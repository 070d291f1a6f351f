"""Queue triggers: messages per second into a function that does nothing, against a consumer that calls nothing, and how long
a message takes from its producer to the function."""

import json
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from brokers import Kafka, Nats  # noqa: E402
from harness import Client, Daemon, environment_document, function_documents, milliseconds, percentile  # noqa: E402
from report import Row  # noqa: E402

MESSAGES = 20_000
SAMPLES = 200

# Each message is timed by the function itself, against the time in its text or else against the producer's, which the broker
# keeps in milliseconds: the clocks are the same.
CODE = """import datetime, json, time
from flask import request
taken = []

def main():
    if request.method == "GET":
        found = json.dumps(taken)
        taken.clear()
        return found
    now = time.time_ns()
    text = request.get_data(as_text=True)
    if text.isdigit():
        taken.append((now - int(text)) / 1e9)
    elif text == "timed":
        sent = datetime.datetime.fromisoformat(request.headers["Ce-Time"].replace("Z", "+00:00"))
        taken.append(now / 1e9 - sent.timestamp())
    return ""
"""


def trigger(kind, topic, metadata):
    return {"apiVersion": "hearth/v1", "kind": "MessageQueueTrigger", "metadata": {"name": topic},
            "spec": {"messageQueueType": kind, "topic": topic, "errorTopic": topic + "-failed",
                     "functionref": {"type": "name", "name": "taker"}, "metadata": metadata}}


def status(daemon, topic):
    return json.loads(daemon.request("GET", f"/api/v1/namespaces/default/messagequeuetriggers/{topic}")[1]).get("status", {})


def delivered(daemon, topic, count, limit=300):
    end = time.time() + limit
    while status(daemon, topic).get("delivered", 0) < count:
        if time.time() > end:
            raise RuntimeError(f"{topic}: {status(daemon, topic)}")
        time.sleep(.02)


def start(poolsize=2, **spec):
    daemon = Daemon().start()
    daemon.apply([environment_document("python", "hearth/python-env", poolsize),
                  *function_documents("taker", "python", {"main.py": CODE}, spec, "/taker")])
    daemon.wait_warm(poolsize, "python")
    Client(daemon.gateway).get("/taker")
    return daemon


def rate_rows(name, daemon, topic, kind, metadata, plain):
    rows = []
    for batch in (1, 100):
        one = f"{topic}-{batch}"
        feed, took = plain(one)
        daemon.apply([trigger(kind, one, {**metadata, "batchSize": str(batch), "concurrency": "32"})])
        began = time.perf_counter()
        feed()
        delivered(daemon, one, MESSAGES)
        rate = MESSAGES / (time.perf_counter() - began)
        alone = MESSAGES / took
        rows.append(Row(f"{name}: messages per second into a Python function, {batch} a call "
                        f"(a consumer that calls nothing: {alone:,.0f})", f"{rate:,.0f}", "–", True,
                        {"rate": rate, "plain": alone, "batch": batch}))
        daemon.request("DELETE", f"/api/v1/namespaces/default/messagequeuetriggers/{one}")
    return rows


def latency_row(name, daemon, topic, kind, metadata, send):
    daemon.apply([trigger(kind, topic, {**metadata, "concurrency": "1"})])
    send("warm-up")
    delivered(daemon, topic, 1)
    for _ in range(SAMPLES):
        send(None)
        time.sleep(.005)
    delivered(daemon, topic, SAMPLES + 1)
    samples = []
    client = Client(daemon.gateway)
    while len(samples) < SAMPLES:  # the instances take turns
        found = json.loads(client.get("/taker")[3])
        if not found:
            break
        samples += found
    return Row(f"{name}: producer to function, p50 / p99",
               f"{milliseconds(percentile(samples, .5))} / {milliseconds(percentile(samples, .99))}", "–", True,
               {"samples": samples})


def kafka_rows():
    kafka = Kafka(partitions=6).start()
    try:
        def plain(topic):
            kafka.produce(topic, [f"m{i}" for i in range(MESSAGES)])
            began = time.perf_counter()
            subprocess.run(["kcat", "-C", "-b", kafka.address, "-t", topic, "-o", "beginning", "-c", str(MESSAGES), "-q"],
                           check=True, stdout=subprocess.DEVNULL)
            return (lambda: None), time.perf_counter() - began

        metadata = {"bootstrapServers": kafka.address}
        daemon = start(concurrency=8)
        try:
            rows = rate_rows("Kafka", daemon, "rate", "kafka", metadata, plain)
        finally:
            daemon.stop()
        daemon = start(concurrency=1)
        try:
            rows.append(latency_row("Kafka", daemon, "late", "kafka", metadata,
                                    lambda text: kafka.produce("late", [text or "timed"])))
        finally:
            daemon.stop()
        return rows
    finally:
        kafka.close()


def nats_rows():
    nats = Nats().start()
    try:
        client = nats.client()

        def plain(topic):
            client.add_stream(topic.upper(), [topic])
            taker = nats.client()
            taker.subscribe(topic)
            taker.flush()
            began = time.perf_counter()
            feeder = threading.Thread(target=lambda: [client.publish(topic, f"m{i}") for i in range(MESSAGES)])
            feeder.start()
            for _ in range(MESSAGES):
                taker.message()
            took = time.perf_counter() - began
            feeder.join()
            taker.close()
            return (lambda: None), took

        metadata = {"natsServer": nats.address}
        daemon = start(concurrency=8)
        try:
            rows = rate_rows("NATS JetStream", daemon, "rate", "nats-jetstream", metadata, plain)
        finally:
            daemon.stop()
        client.add_stream("LATE", ["late"])
        daemon = start(concurrency=1)
        try:
            rows.append(latency_row("NATS JetStream", daemon, "late", "nats-jetstream", metadata,
                                    lambda text: client.publish("late", text or str(time.time_ns()))))
        finally:
            daemon.stop()
        return rows
    finally:
        nats.close()


def idle_row():
    """What 50 triggers cost that get nothing."""
    kafka, nats = Kafka().start(), Nats().start()
    daemon = start()
    try:
        kafka.produce("idle", ["x"])
        client = nats.client()
        client.add_stream("IDLE", ["idle.*"])
        for i in range(25):
            daemon.apply([{**trigger("kafka", "idle", {"bootstrapServers": kafka.address}), "metadata": {"name": f"k{i}"}},
                          {**trigger("nats-jetstream", f"idle.n{i}", {"natsServer": nats.address}), "metadata": {"name": f"n{i}"}}])
        time.sleep(15)
        began, cpu = time.perf_counter(), daemon.cpu_seconds()
        time.sleep(20)
        share = (daemon.cpu_seconds() - cpu) / (time.perf_counter() - began)
        return Row("50 idle queue triggers: CPU of the daemon, and memory", f"{share * 100:.1f} % of a core, {daemon.rss_mib():.0f} MiB",
                   "–", True, {"cpu": share, "rss": daemon.rss_mib()})
    finally:
        daemon.stop()
        kafka.close()
        nats.close()


def run_queues():
    return [*kafka_rows(), *nats_rows(), idle_row()]
