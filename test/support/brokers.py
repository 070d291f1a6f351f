"""Real brokers for tests and benchmarks: Kafka from Maven's central repository, nats-server of the system."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

KAFKA_VERSION = "3.9.1"
CACHE = pathlib.Path(os.environ.get("HEARTH_CACHE", pathlib.Path.home() / ".cache/hearth"))
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>test</groupId><artifactId>broker</artifactId><version>1</version>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>%s</version></dependency></dependencies></project>
"""
USER, PASSWORD = "hearth", "right"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, f"the broker ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port} after {seconds} s")


def kafka_jars():
    """The broker's jars, fetched once."""
    folder = CACHE / f"kafka-{KAFKA_VERSION}"
    if not (folder / ".complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "pom.xml").write_text(POM % KAFKA_VERSION)
        subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}"], cwd=folder,
                       check=True, timeout=900)
        (folder / ".complete").touch()
    return folder


class Process:
    """A broker in a folder of its own; stays on its ports over restarts."""

    def __init__(self, name):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"hearth-{name}-"))
        self.port = free_port()
        self.process = None

    def launch(self, command, env=None):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **(env or {})}, start_new_session=True)
        wait_for_port(self.port, self.process)
        return self

    def end(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self):
        self.end(signal.SIGKILL)

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Kafka(Process):
    """One broker in KRaft mode; topics are made when they are first written to. A second listener wants SASL PLAIN."""

    def __init__(self, partitions=3):
        super().__init__("kafka")
        self.sasl_port, controller = free_port(), free_port()
        self.command = ["java", "-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-cp", f"{kafka_jars()}/*"]
        login = ('org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="admin" '
                 f'user_{USER}="{PASSWORD}";')
        (self.folder / "server.properties").write_text(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{self.port},SASL://127.0.0.1:{self.sasl_port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.port},SASL://127.0.0.1:{self.sasl_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config={login}
log.dirs={self.folder}/data
num.partitions={partitions}
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
""")
        subprocess.run([*self.command, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c",
                        "server.properties"], cwd=self.folder, check=True, capture_output=True, timeout=120)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        return self.launch([*self.command, "kafka.Kafka", "server.properties"])

    def produce(self, topic, lines, key_delimiter=None, headers=()):
        """One message a line; durable when this returns."""
        command = ["kcat", "-P", "-E", "-b", self.address, "-t", topic, "-X", "acks=all", "-X", "message.timeout.ms=60000", "-q"]
        if key_delimiter:
            command += ["-K", key_delimiter]
        for header in headers:
            command += ["-H", header]
        subprocess.run(command, input="".join(line + "\n" for line in lines).encode(), check=True, timeout=180)

    def consume(self, topic):
        """Everything that a topic holds, as kcat's JSON envelopes."""
        done = subprocess.run(["kcat", "-C", "-b", self.address, "-t", topic, "-o", "beginning", "-e", "-q", "-J"],
                              capture_output=True, text=True, timeout=120)
        return [json.loads(line) for line in done.stdout.splitlines()]


class Nats(Process):
    """nats-server with JetStream; `config` is added to its configuration."""

    def __init__(self, config=""):
        super().__init__("nats")
        (self.folder / "nats.conf").write_text(
            f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.folder}/js" }}\n{config}\n')

    @property
    def address(self):
        return f"nats://127.0.0.1:{self.port}"

    def start(self):
        return self.launch(["nats-server", "-c", "nats.conf"])

    def client(self, **login):
        return NatsClient(self.port, **login)


class NatsClient:
    """Enough of NATS' text protocol for tests."""

    def __init__(self, port, **login):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.stream = self.socket.makefile("rb")
        self.stream.readline()  # INFO
        options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, **login}
        self.socket.sendall(b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n")
        self.sids, self.acks = 0, 0
        answer = self.stream.readline()
        assert answer.startswith(b"PONG"), answer

    def close(self):
        self.socket.close()

    def publish(self, subject, text, reply=""):
        data = text.encode()
        self.socket.sendall(f"PUB {subject} {reply} {len(data)}\r\n".encode() + data + b"\r\n")

    def subscribe(self, subject):
        self.sids += 1
        self.socket.sendall(f"SUB {subject} {self.sids}\r\n".encode())

    def message(self):
        """The next message: subject, headers as text, body."""
        while True:
            words = self.stream.readline().split()
            assert words, "the connection ended"
            if words[0] == b"PING":
                self.socket.sendall(b"PONG\r\n")
            elif words[0] in (b"MSG", b"HMSG"):
                size = int(words[-1])
                data = self.stream.read(size + 2)[:size]
                head = int(words[-2]) if words[0] == b"HMSG" else 0
                return words[1].decode(), data[:head].decode(), data[head:].decode()

    def flush(self):
        """Returns when the server has seen all that was sent."""
        self.socket.sendall(b"PING\r\n")
        while not self.stream.readline().startswith(b"PONG"):
            pass

    def request(self, subject, body):
        inbox = f"_INBOX.test.{os.getpid()}.{id(self)}"
        if self.acks == 0:
            self.subscribe(inbox)
            self.acks = 1
        self.publish(subject, json.dumps(body) if not isinstance(body, str) else body, inbox)
        return self.message()[2]

    def add_stream(self, name, subjects):
        answer = json.loads(self.request(f"$JS.API.STREAM.CREATE.{name}", {"name": name, "subjects": subjects, "storage": "file"}))
        assert "error" not in answer, answer

    def store(self, subject, text):
        """Publishes to a stream; True when it is stored."""
        return "seq" in self.request(subject, text)

    def stored(self, stream):
        """All messages of a stream: subject, headers as text, body."""
        import base64
        info = json.loads(self.request(f"$JS.API.STREAM.INFO.{stream}", {}))
        found = []
        for number in range(info["state"]["first_seq"], info["state"]["last_seq"] + 1):
            answer = json.loads(self.request(f"$JS.API.STREAM.MSG.GET.{stream}", {"seq": number}))
            if "message" in answer:
                message = answer["message"]
                found.append((message["subject"], base64.b64decode(message.get("hdrs", "")).decode(),
                              base64.b64decode(message.get("data", "")).decode()))
        return found


class Sink:
    """Counts what functions report: one line a message, each answered with a byte, so that nothing a function has
    reported is lost when it is killed."""

    CODE = """import socket, threading
place = threading.local()

def report(text):
    if not hasattr(place, "socket"):
        place.socket = socket.create_connection(("127.0.0.1", %d))
    place.socket.sendall(text.encode() + b"\\n")
    place.socket.recv(1)
"""

    def __init__(self):
        self.lock, self.counts, self.order = threading.Lock(), {}, []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def code(self):
        return self.CODE % self.port

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    if not line.endswith(b"\n"):
                        return
                    text = line[:-1].decode()
                    with self.lock:
                        self.counts[text] = self.counts.get(text, 0) + 1
                        self.order.append(text)
                    connection.sendall(b".")
        except OSError:
            pass  # whoever reported was killed

    def seen(self):
        with self.lock:
            return len(self.counts)

    def duplicates(self):
        with self.lock:
            return sum(self.counts.values()) - len(self.counts)

    def close(self):
        self.listener.close()
