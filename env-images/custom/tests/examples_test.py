"""Programs that know nothing of Hearth, started with the binary environment."""

import json
import pathlib

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def example(start_environment):
    return lambda name: start_environment("binary").load_folder(EXAMPLES / name)


def test_flask(example):
    runtime = example("flask")
    assert runtime.call("GET", "/?name=you").text == "Hello, you!\n"
    answer = runtime.call("POST", "/sum", json.dumps([1, 2, 3]), {"Content-Type": "application/json"})
    assert answer.json == {"sum": 6}
    assert runtime.call("GET", "/nowhere").status == 404
    assert runtime.terminate() == 0


def test_node(example):
    runtime = example("node")
    assert runtime.call("POST", "/any", b"\x00body").body == b"\x00body"
    runtime.call("PUT", "/logged", b"x", {"X-Request-Id": "n-1"})
    assert runtime.wait_for_message("PUT /logged")["request_id"] == "n-1"
    assert runtime.terminate() == 0
