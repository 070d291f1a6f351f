"""TimeTriggers of a real daemon: each slot once, whatever becomes of the daemon, and what people see of it."""

import collections
import http.server
import random
import threading
import time

import documents
import pytest
from hearth_daemon import until

SENDS = """import urllib.request
from flask import request

def main():
    h = request.headers
    urllib.request.urlopen(urllib.request.Request("{url}", headers={{
        "X-Name": h["X-Fission-Timer-Name"], "X-Slot": h["X-Hearth-Slot"], "X-Source": h["ce-source"],
        "X-Method": request.method, "X-Path": request.full_path, "X-Body": request.get_data(as_text=True)}}), timeout=5)
    return "sent\\n"
"""


class Collector(http.server.ThreadingHTTPServer):
    """What functions tell of their calls, in the test's own process, so that it outlives the daemon."""

    daemon_threads = True

    def __init__(self):
        calls = self.calls = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                calls.append({name[2:].lower(): value for name, value in self.headers.items() if name.startswith("X-")})
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"

    def slots(self, name):
        return [call["slot"] for call in list(self.calls) if call["name"] == name]


@pytest.fixture
def collector():
    one = Collector()
    yield one
    one.shutdown()
    one.server_close()


def timer(name, cron, function="tell", **spec):
    return {"apiVersion": "fission.io/v1", "kind": "TimeTrigger", "metadata": {"name": name, "namespace": "default"},
            "spec": {"cron": cron, "functionref": {"type": "name", "name": function}, **spec}}


def telling(collector):
    code = SENDS.format(url=collector.url)
    return [documents.environment(poolsize=2), documents.package("tell", {"main.py": code}), documents.function("tell")]


def start(daemons, **more):
    return daemons(env={"HEARTH_PROCESS__ISOLATION": "basic", **more.pop("env", {})}, **more).start()


def status(daemon, name):
    answer = daemon.api("GET", f"/api/v1/namespaces/default/timetriggers/{name}")
    assert answer.status == 200, answer
    return answer.json["status"]


def twice(slots):
    return [slot for slot, count in collections.Counter(slots).items() if count > 1]


def test_no_slot_twice_across_kills_and_restarts(daemons, collector):
    daemon = start(daemons)
    names = [f"t{number}" for number in range(5)]
    daemon.apply(telling(collector) + [timer(name, "* * * * * *") for name in names])
    until(lambda: len(collector.slots("t0")) >= 2, "the first calls")
    draw = random.Random(7)
    for number in range(6):
        time.sleep(1 + draw.random())
        if number % 3 == 2:
            assert daemon.terminate() == 0
        else:
            daemon.kill()
        daemon.start()
    before = len(collector.slots("t0"))
    until(lambda: len(collector.slots("t0")) >= before + 2, "calls after the last restart")
    for name in names:
        assert twice(collector.slots(name)) == []
        assert status(daemon, name)["fired"] >= len(collector.slots(name)) - 1


@pytest.mark.parametrize("point", ["ledger.before_commit", "ledger.after_commit"])
def test_killed_around_the_claim(daemons, collector, point):
    daemon = start(daemons)
    daemon.apply(telling(collector) + [timer("t0", "* * * * * *")])
    until(lambda: collector.slots("t0"), "the first call")
    assert daemon.terminate() == 0
    daemon.launch(env={"HEARTH_FAILPOINTS": f"{point}=kill@2"})
    until(lambda: daemon.process.poll() is not None, "the daemon's end at the failpoint")
    daemon.start()
    before = len(collector.slots("t0"))
    until(lambda: len(collector.slots("t0")) >= before + 2, "calls after the restart")
    assert twice(collector.slots("t0")) == []


def test_a_disk_that_fails_fires_nothing_and_is_told(daemons, collector):
    daemon = start(daemons, env={"HEARTH_FAILPOINTS": "ledger.before_commit=nospace"})
    daemon.apply(telling(collector) + [timer("t0", "* * * * * *")])
    found = until(lambda: status(daemon, "t0").get("lastError"), "the trouble")
    assert "cannot be recorded" in found
    assert collector.slots("t0") == []
    assert daemon.call("/").status == 404  # the daemon goes on


def test_what_the_function_is_told(daemons, collector):
    daemon = start(daemons)
    daemon.apply(telling(collector) + [timer("full", "@every 1s", method="PUT", subpath="/a?b=1", body="hello")])
    call = until(lambda: list(collector.calls), "the call")[0]
    assert (call["method"], call["path"], call["body"]) == ("PUT", "/a?b=1", "hello")
    assert call["source"] == "/hearth/timetriggers/default/full"
    until(lambda: status(daemon, "full").get("lastResult") == "Succeeded", "the result")
    now = status(daemon, "full")
    assert now["fired"] >= 1 and now["failed"] == 0 and now["lastStatusCode"] == 200
    assert len(now["upcoming"]) == 5 and now["upcoming"][0] == now["nextFire"]
    assert {c["type"]: c["status"] for c in now["conditions"]} == {"Scheduled": "True", "Ready": "True"}
    metrics = daemon.api("GET", "/metrics").text
    assert 'hearth_timer_calls_total{result="succeeded"}' in metrics and "hearth_timers 1" in metrics


def test_policies_and_failures_are_shown(daemons, collector):
    daemon = start(daemons)
    slow = "import time\n\ndef main():\n    time.sleep(30)\n    return 'late'\n"
    bad = "def main():\n    raise RuntimeError('no')\n"
    daemon.apply([documents.environment(poolsize=2), documents.package("slow", {"main.py": slow}), documents.function("slow"),
                  documents.package("bad", {"main.py": bad}), documents.function("bad"),
                  timer("forbids", "* * * * * *", "slow", concurrencyPolicy="Forbid"),
                  timer("fails", "* * * * * *", "bad"), timer("sleeps", "* * * * * *", "bad", suspend=True)])
    until(lambda: status(daemon, "forbids")["leftOut"] >= 2, "slots that are left out")
    assert status(daemon, "forbids")["fired"] == 1 and status(daemon, "forbids")["running"] == 1
    until(lambda: status(daemon, "fails").get("lastResult") == "Failed", "the failure")
    assert "500" in status(daemon, "fails")["lastError"]
    asleep = status(daemon, "sleeps")
    assert asleep["conditions"][0]["reason"] == "Suspended" and asleep.get("fired", 0) == 0 and "nextFire" not in asleep
    assert daemon.terminate() == 0


def test_the_command_line(daemons, tmp_path):
    daemon = start(daemons)
    source = tmp_path / "tick.py"
    source.write_text("def main():\n    return 'tick\\n'\n")
    made = daemon.cli_ok("deploy", source, "--cron", "30 2 * * *", "--tz", "Europe/Berlin")
    assert "timetrigger/tick" in made.out and made.out.count("next: ") == 1
    row = daemon.cli_ok("get", "timers").out
    assert "30 2 * * *" in row and "tick" in row
    again = daemon.cli_ok("deploy", source, "--every", "90s")
    assert "next: " in again.out
    assert "@every 90s" in daemon.cli_ok("describe", "function", "tick").out
    refused = daemon.cli("deploy", source, "--cron", "61 * * * *")
    assert refused.code != 0 and "minute: 61 is not within 0 to 59" in refused.err
    preview = daemon.cli_ok("timer", "preview", "30 2 * * *", "--tz", "Europe/Berlin", "--from", "2027-03-27T12:00:00Z").out.split()
    assert preview == ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z", "2027-03-30T00:30:00Z", "2027-03-31T00:30:00Z",
                       "2027-04-01T00:30:00Z"]
    deleted = daemon.cli_ok("delete", "function", "tick").out
    assert "timetrigger/tick" in deleted


def test_a_watch_without_a_cluster_says_so(shared):
    shared.apply([documents.environment(), documents.package("watching", {"main.py": "def main(): return 'x'"}),
                  documents.function("watching"),
                  {"apiVersion": "fission.io/v1", "kind": "KubernetesWatchTrigger", "metadata": {"name": "pods"},
                   "spec": {"namespace": "default", "type": "pod", "functionref": {"type": "name", "name": "watching"}}}])
    found = shared.api("GET", "/api/v1/namespaces/default/kuberneteswatchtriggers/pods").json["status"]
    assert found["conditions"][0]["reason"] == "NoCluster" and "kubernetes.kubeconfig" in found["lastError"]
    assert shared.cli_ok("delete", "function", "watching").code == 0
