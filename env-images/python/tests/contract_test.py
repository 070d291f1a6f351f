"""Fission's environment contract: health, specialise v1 and v2, errors."""

import os

import pytest


def test_generic_instance_answers_health_and_nothing_else(python):
    runtime = python()
    assert runtime.call("GET", "/healthz").status == 200
    answer = runtime.call("GET", "/hello")
    assert (answer.status, answer.text) == (500, "Generic container: no requests supported\n")


def test_second_specialize_is_refused_and_the_function_stays(python):
    runtime = python().load({"main.py": "def main(): return 'one'"})
    answer = runtime.specialize(runtime.code({"main.py": "def main(): return 'two'"}))
    assert answer.status == 400
    assert "Not a generic container" in answer.text
    assert runtime.call().text == "one"


@pytest.mark.parametrize("body, text", [
    (b"{", "the body is not JSON"),
    (b"[]", "must be a JSON object"),
    (b"", "must be a JSON object"),
    (b"{}", "filepath must be the path of the code"),
    (b'{"filepath": 3}', "filepath must be the path of the code"),
    (b'{"filepath": "/x", "functionName": 7}', "functionName must be a text"),
    (b'{"filepath": "/x", "env": ["A"]}', "env must be an object of texts"),
    (b'{"filepath": "/x", "env": {"A": 1}}', "env must be an object of texts"),
])
def test_bad_orders_are_named(python, body, text):
    answer = python().call("POST", "/v2/specialize", body)
    assert answer.status == 400 and text in answer.text


@pytest.mark.parametrize("files, entry, wanted", [
    ({"main.py": "def main(:\n  pass\n"}, "", ["SyntaxError", 'main.py", line 1', "def main(:"]),
    ({"main.py": "import nothing_like_it\n"}, "", ["ModuleNotFoundError", "nothing_like_it", 'main.py", line 1']),
    ({"main.py": "def f(): return 1/0\nx = f()\n"}, "", ["ZeroDivisionError", "line 2", "line 1, in f"]),
    ({"main.py": "raise SystemExit(3)\n"}, "", ["SystemExit: 3"]),
    ({"main.py": "def other(): pass\n"}, "", ["has no function main", "other"]),
    ({"main.py": "main = 3\n"}, "", ["main in module main is a int, not a function"]),
    ({"a.py": "", "b.py": ""}, "", ["the package has no module main.py", "a.py, b.py"]),
    ({"main.py": ""}, "gone.main", ["ModuleNotFoundError", "gone"]),
    ({"main.py": "import helper\n", "helper.py": "x = \n"}, "", ["SyntaxError", 'helper.py", line 1']),
])
def test_load_errors_come_back_with_the_trace_as_text(python, files, entry, wanted):
    runtime = python()
    answer = runtime.specialize(runtime.code(files), entry)
    assert answer.status == 500
    assert answer.headers["Content-Type"].startswith("text/plain")
    for part in wanted:
        assert part in answer.text
    assert "hearth_env" not in answer.text
    assert "importlib" not in answer.text


def test_missing_code_is_a_load_error(python):
    answer = python().specialize("/nowhere/code", "main.main")
    assert (answer.status, answer.text) == (500, "there is no file or folder /nowhere/code\n")


@pytest.mark.skipif(os.geteuid() != 0 or os.path.exists("/userfunc"), reason="needs root and no /userfunc of another")
def test_version_1_loads_the_fixed_path(python):
    os.mkdir("/userfunc")
    try:
        with open("/userfunc/user", "w", encoding="utf-8") as code:
            code.write("from flask import request\ndef main(): return request.method + ' v1'")
        runtime = python()
        assert runtime.call("POST", "/specialize").status == 200
        assert runtime.call("PUT").text == "PUT v1"
        assert runtime.call("POST", "/specialize").status == 400
    finally:
        os.remove("/userfunc/user")
        os.rmdir("/userfunc")


def test_platform_paths_belong_to_the_function_when_the_gateway_passes_them_on(python):
    runtime = python().load({"main.py": "from flask import request\ndef main(): return 'function ' + request.path"})
    through_gateway = {"X-Fission-Function-Name": "f"}
    assert runtime.call("GET", "/healthz", headers=through_gateway).text == "function /healthz"
    assert runtime.call("POST", "/v2/specialize", b"{}", through_gateway).text == "function /v2/specialize"
    assert runtime.call("GET", "/healthz").text == "ok\n"


def test_env_is_set_before_the_code_loads_and_reaches_child_processes(python):
    code = """
import os, subprocess
SEEN = os.environ.get("GREETING")
def main():
    return SEEN + "|" + subprocess.run(["sh", "-c", "echo $GREETING"], capture_output=True, text=True).stdout
"""
    runtime = python().load({"main.py": code}, env={"GREETING": "grüß dich"})
    assert runtime.call().text == "grüß dich|grüß dich\n"


def test_listens_on_tcp(python):
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    runtime = python(listen=f"tcp:127.0.0.1:{port}").load({"main.py": "def main(): return 'tcp'"})
    assert runtime.call().text == "tcp"


def test_a_wrong_listen_address_is_named():
    import subprocess
    import runtime_under_test as rut
    done = subprocess.run(rut.PYTHON, env={**os.environ, "HEARTH_LISTEN": "http://x"}, capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 1
    assert "it must be unix:/path or tcp:host:port" in done.stderr
