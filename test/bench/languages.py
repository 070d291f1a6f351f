"""Each language: its cold start with and without a warm pool, beside the bare starts of interpreter and loader; memory of a warm instance."""

import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import tempfile
import time

import yaml
from harness import BINARY, ROOT, Client, Daemon, median, milliseconds, percentile
from report import Row

WARM = 3
FUNCTIONS = 10
BARE = 7
# What starts the interpreter or machine alone; Go and plain programs have none.
INTERPRETER = {"python": ["/usr/bin/python3", "-c", "pass"], "nodejs": ["node", "-e", "0"], "ruby": ["/usr/bin/ruby", "-e", "0"],
               "php": ["php-cgi", "-q", "-r", ""], "java": ["java", "-Xshare:auto", "-version"], "dotnet": ["mono", "--version"]}
ENTRIES = {"go": "Handler", "java": "com.example.Hello", "dotnet": "", "binary": ""}


def seconds_of(command):
    began = time.perf_counter()
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return time.perf_counter() - began


def answers(address):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as connection:
        try:
            connection.connect(address)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            return connection.recv(12).endswith(b"200")
        except OSError:
            return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def loader_alone(name, settings):
    """Seconds from starting the loader without Hearth until it answers."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        tcp = settings.get("listen") == "tcp"
        address = ("127.0.0.1", port) if tcp else f"{folder}/sock"
        words = [w.replace("${ENV_DIR}", str(ROOT / "env-images" / name)) for w in settings["command"]]
        env = {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8", "HEARTH_LOG": "json", "PORT": str(port),
               "HEARTH_LISTEN": f"tcp:127.0.0.1:{port}" if tcp else f"unix:{address}",
               **{k: str(v) for k, v in settings.get("env", {}).items()}}
        began = time.perf_counter()
        process = subprocess.Popen(words, env=env, cwd=folder, start_new_session=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not answers(address):
                if process.poll() is not None or time.perf_counter() - began > 60:
                    raise RuntimeError(f"{name}: {shlex.join(words)} does not answer")
                time.sleep(0.001)
            return time.perf_counter() - began
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def resident(pid):
    """Proportional share of memory of a process and all below it, in MiB: what forked ones share counts once."""
    total, todo = 0, [pid]
    while todo:
        one = todo.pop()
        try:
            for line in pathlib.Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
            for task in os.listdir(f"/proc/{one}/task"):
                todo += [int(p) for p in pathlib.Path(f"/proc/{one}/task/{task}/children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return total / 1024


def cli(daemon, *words, cwd=None):
    done = subprocess.run([BINARY, *words], env={**os.environ, "HEARTH_DATA": str(daemon.folder)}, cwd=cwd, capture_output=True, text=True,
                          check=False, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"hearth {shlex.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def deploy_starter(daemon, language, folder):
    """The starter, built where it is to be; its Function."""
    cli(daemon, "new", language, "start", cwd=folder)
    entry = ENTRIES.get(language)
    cli(daemon, "deploy", "start", "--env", language, "--name", language, *(["--entry", entry] if entry else []), cwd=folder)
    return json.loads(daemon.request("GET", f"/api/v1/namespaces/default/functions/{language}")[1])


def cold_calls(daemon, language, function, warm):
    """First calls of functions of the same package, one after the other."""
    path = f"/api/v1/namespaces/default/environments/{language}"
    environment = json.loads(daemon.request("GET", path)[1])
    environment["spec"]["poolsize"] = warm
    documents = [{k: environment[k] for k in ("apiVersion", "kind", "spec")} | {"metadata": {"name": language}}]
    for i in range(FUNCTIONS + 1):
        name = f"{language}-{warm}-{i}"
        documents.append({"apiVersion": "hearth/v1", "kind": "Function", "metadata": {"name": name}, "spec": function["spec"]})
        documents.append({"apiVersion": "hearth/v1", "kind": "HTTPTrigger", "metadata": {"name": name},
                          "spec": {"relativeurl": f"/{name}", "methods": ["GET"], "functionref": {"type": "name", "name": name}}})
    daemon.apply(documents)
    samples = []
    for i in range(FUNCTIONS + 1):
        daemon.wait_warm(warm, language, 120)
        time.sleep(0.1)
        # A connection of its own: one that waited for a slow pool would have been closed as idle.
        status, seconds, _, body = Client(daemon.gateway).get(f"/{language}-{warm}-{i}")
        if status >= 400:
            raise RuntimeError(f"{language}: {status} {body!r}")
        samples.append(seconds)
    return samples[1:]


def memory_of(daemon, language):
    """MiB of each generic instance, of each with the starter loaded."""
    generic, loaded = [], []
    for instance in daemon.instances():
        if instance["environment"] == language and instance.get("pid"):
            (loaded if instance.get("function") else generic).append(resident(instance["pid"]))
    return generic, loaded


def measure(language, settings):
    with Daemon() as daemon, tempfile.TemporaryDirectory() as folder:
        function = deploy_starter(daemon, language, folder)
        warm = cold_calls(daemon, language, function, WARM)
        generic, loaded = memory_of(daemon, language)
        unpooled = cold_calls(daemon, language, function, 0)
    alone = median([loader_alone(language, settings) for _ in range(BARE)])
    command = INTERPRETER.get(language)
    bare = median([seconds_of(command) for _ in range(BARE)]) if command else None
    ratio, more = median(unpooled) / alone, median(unpooled) - alone
    return [Row(f"{language}: cold start, warm pool, p50 / max", f"{milliseconds(median(warm))} / {milliseconds(max(warm))}", "≤ 10 ms or below the loader alone",
                median(warm) <= max(alone, .010), {"samples": warm, "p95": percentile(warm, .95)}),
            Row(f"{language}: cold start without a pool, against the loader started alone", f"{ratio:.2f} × ({milliseconds(median(unpooled))} / "
                f"{milliseconds(alone)}{', interpreter ' + milliseconds(bare) if bare else ''})", "≤ 1.5 × or 30 ms more", ratio <= 1.5 or more <= .03,
                {"p50": median(unpooled), "loader_alone": alone, "interpreter": bare, "samples": unpooled}),
            Row(f"{language}: memory of a warm instance / with its function loaded", f"{median(generic):.1f} / {median(loaded):.1f} MiB", "≤ 128 MiB",
                median(loaded) <= 128, {"generic_mib": generic, "loaded_mib": loaded})]


def run_languages():
    rows = []
    for file in sorted((ROOT / "env-images").glob("*/env.yaml")):
        settings = yaml.safe_load(file.read_text())
        check = [w.replace("${ENV_DIR}", str(file.parent)) for w in settings.get("check", ["true"])]
        if subprocess.run(check, check=False, capture_output=True).returncode != 0:
            print(f"… {settings['name']} left out: {settings.get('check_remedy', 'not installed')}", flush=True)
            continue
        rows += measure(settings["name"], settings)
    return rows
