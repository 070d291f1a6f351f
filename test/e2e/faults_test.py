"""Instances and daemons that are killed, drains, orphans."""

import http.client
import json
import os
import signal
import threading

import documents
from hearth_daemon import until

def test_kill_of_an_instance_under_load_costs_only_what_was_in_flight(daemon):
    daemon.apply(documents.whole("victim", "import time\ndef main():\n    time.sleep(0.005)\n    return 'ok'\n",
                                 requestsPerPod=1, concurrency=4))
    stop, answers = threading.Event(), []

    def load():
        while not stop.is_set():
            answers.append(daemon.call("/victim"))

    clients = [threading.Thread(target=load) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        killed = 0
        for _ in range(5):
            before = len(answers)
            until(lambda n=before: len(answers) > n + 20, "some answers")
            instances = daemon.instances("victim")
            if instances:
                os.kill(instances[0]["pid"], signal.SIGKILL)
                killed += 1
        before = len(answers)
        until(lambda: len(answers) > before + 50, "answers after the last kill")
    finally:
        stop.set()
        for client in clients:
            client.join(60)
    bad = [a for a in answers if a.status != 200]
    assert killed and len(bad) <= 2 * killed, bad[:5]  # requestsPerPod is 1: at most one was in work in each
    for answer in bad:
        assert answer.status == 502, answer
        assert json.loads(answer.text)["component"] in ("function", "instance"), answer
    assert [a.status for a in answers[-10:]] == [200] * 10


def test_a_function_that_ends_its_process_is_named(daemon):
    daemon.apply(documents.whole("suicide", "import os\ndef main():\n    os._exit(7)\n"))
    answer = daemon.call("/suicide", "POST")
    assert answer.status == 502
    problem = json.loads(answer.text)
    assert problem["component"] in ("function", "instance") and problem["requestId"]


def test_a_function_that_takes_too_long_gets_504(daemon):
    daemon.apply(documents.whole("sleeper", "import time\ndef main():\n    time.sleep(600)\n", functionTimeout=1))
    answer = daemon.call("/sleeper")
    assert answer.status == 504, answer


def test_code_that_does_not_load_any_more_is_502_with_its_trace_in_the_log(daemon):
    daemon.apply(documents.whole("unloadable", "def main(:\n"))
    answer = daemon.call("/unloadable")
    assert answer.status == 502, answer
    assert "SyntaxError" in answer.text or "SyntaxError" in daemon.cli_ok("logs", "unloadable").out


def test_sigterm_drains(daemons):
    daemon = daemons(env={"HEARTH_DRAINDELAY": "1s", "HEARTH_DRAINTIMEOUT": "30s"}).start()
    daemon.apply(documents.whole("draining", "import time\ndef main():\n    time.sleep(2)\n    return 'finished'\n"))
    result = {}
    client = threading.Thread(target=lambda: result.update(answer=daemon.call("/draining")))
    client.start()
    until(lambda: any(i.get("inFlight", i.get("requests", 1)) for i in daemon.instances("draining")), "the request in work")
    processes = daemon.processes()
    daemon.process.send_signal(signal.SIGTERM)
    until(lambda: ready_status(daemon) in (503, None), "readiness 503")
    client.join(60)
    assert (result["answer"].status, result["answer"].text) == (200, "finished")
    assert daemon.process.wait(60) == 0
    until(lambda: not any(alive(pid) for pid in processes), "the end of every instance")


def ready_status(daemon):
    try:
        return daemon.api("GET", "/readyz", token=None).status
    except (OSError, http.client.HTTPException):
        return None


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_no_orphan_survives_a_killed_daemon_and_the_next_start_serves(daemon):
    code = "import subprocess\nchild = subprocess.Popen(['sleep', '600'])\ndef main(): return 'ok'\n"
    daemon.apply(documents.whole("parent", code) + documents.node_function("nodeparent", "module.exports = async () => ({body: 'ok'})"))
    assert daemon.call("/parent").text == "ok"
    assert daemon.call("/nodeparent").text == "ok"
    processes = daemon.processes()
    assert len(processes) >= 3
    daemon.kill()
    until(lambda: not any(alive(pid) for pid in processes), "the end of every process")
    daemon.start()
    assert daemon.call("/parent").text == "ok"
    assert daemon.call("/nodeparent").text == "ok"


def test_a_killed_zygote_is_replaced(daemon):
    daemon.apply(documents.whole("forked", "def main(): return 'ok'"))
    assert daemon.call("/forked").text == "ok"
    for pid in daemon.processes():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as line:
                if b"zygote.py" in line.read():
                    os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass
    until(lambda: daemon.call("/forked").status == 200, "a new instance")
    daemon.apply(documents.whole("forked-later", "def main(): return 'later'"))
    assert until(lambda: daemon.call("/forked-later").status == 200, "an instance after the zygote's end")


def test_the_warm_pool_comes_back(daemon):
    docs = documents.whole("pooled", "def main(): return ''")
    docs[0]["spec"]["poolsize"] = 2
    daemon.apply(docs)

    def warm():
        pools = daemon.api("GET", "/api/v1/pools").json["items"]
        return next((p for p in pools if p["environment"] == "python"), {}).get("warm", 0)

    until(lambda: warm() >= 2, "two warm instances")
    for instance in daemon.instances():
        os.kill(instance["pid"], signal.SIGKILL)
    until(lambda: len({i["pid"] for i in daemon.instances()}) >= 2 and warm() >= 2, "the warm target again")


def test_data_survive_a_restart(daemon):
    daemon.apply(documents.whole("stays", "def main(): return 'still here'"))
    assert daemon.call("/stays").text == "still here"
    assert daemon.terminate() == 0
    daemon.start()
    assert daemon.call("/stays").text == "still here"
