"""`hearth deploy FILE --route PATH`: what a newcomer does first."""

import threading

import pytest

from hearth_daemon import ROOT, until

HELLO = ROOT / "env-images/python/examples/hello.py"


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def test_the_example_answers_after_one_command(daemon):
    outcome = daemon.cli_ok("deploy", HELLO, "--route", "/hello")
    assert f"http://{daemon.gateway}/hello" in outcome.out
    answer = daemon.call("/hello?name=you")
    assert (answer.status, answer.text) == (200, "Hello, you!\n")
    assert answer.headers["X-Request-Id"]


def test_node_is_guessed_from_the_file(shared, tmp_path):
    path = write(tmp_path, "greet.js", "module.exports = async (context) => ({status: 201, body: 'from node'})")
    shared.cli_ok("deploy", path, "--route", "/greet-node")
    answer = shared.call("/greet-node")
    assert (answer.status, answer.text) == (201, "from node")


def test_an_unknown_kind_of_file_needs_env(shared, tmp_path):
    path = write(tmp_path, "code.strange", "def main(): return 'told'\n")
    refused = shared.cli("deploy", path, "--route", "/strange")
    assert refused.code in (2, 4), refused
    assert "--env" in refused.err


def test_deploy_twice_without_change_changes_nothing(shared, tmp_path):
    path = write(tmp_path, "same.py", "def main(): return 'same'\n")
    shared.cli_ok("deploy", path, "--route", "/same")
    before = shared.api("GET", "/api/v1/namespaces/default/functions/same").json["metadata"]["resourceVersion"]
    shared.cli_ok("deploy", path, "--route", "/same")
    assert shared.api("GET", "/api/v1/namespaces/default/functions/same").json["metadata"]["resourceVersion"] == before


def test_redeploy_under_load_loses_no_request(shared, tmp_path):
    path = write(tmp_path, "live.py", "def main(): return 'version 0'\n")
    shared.cli_ok("deploy", path, "--route", "/live")
    shared.call("/live")
    stop, seen, bad = threading.Event(), set(), []

    def load():
        while not stop.is_set():
            answer = shared.call("/live")
            (seen.add(answer.text) if answer.status == 200 else bad.append(answer))

    clients = [threading.Thread(target=load) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        for version in range(1, 6):
            write(tmp_path, "live.py", f"def main(): return 'version {version}'\n")
            shared.cli_ok("deploy", path, "--route", "/live")
            until(lambda v=version: f"version {v}" in seen, f"an answer of version {version}")
    finally:
        stop.set()
        for client in clients:
            client.join(60)
    assert not bad, bad[:3]
    assert shared.call("/live").text == "version 5"


def test_after_a_redeploy_the_old_code_is_never_seen_again(shared, tmp_path):
    path = write(tmp_path, "switch.py", "def main(): return '0'\n")
    for version in range(5):
        write(tmp_path, "switch.py", f"def main(): return '{version}'\n")
        shared.cli_ok("deploy", path, "--route", "/switch")
        assert {shared.call("/switch").text for _ in range(5)} == {str(version)}


@pytest.mark.parametrize("name, code, wanted", [
    ("broken.py", "def main(:\n    return 1\n", ["SyntaxError", "broken.py", "line 1"]),
    ("missing.py", "import nothing_like_it\ndef main(): return ''\n", ["ModuleNotFoundError", "nothing_like_it"]),
    ("nofunc.py", "def other(): return ''\n", ["has no function main"]),
    ("broken.js", "module.exports = async () => { let x = ; }", ["SyntaxError", "broken.js:1"]),
])
def test_code_that_does_not_load_is_refused_with_the_languages_own_trace(shared, tmp_path, name, code, wanted):
    outcome = shared.cli("deploy", write(tmp_path, name, code), "--route", "/refused-" + name)
    assert outcome.code == 4, outcome
    for part in wanted:
        assert part in outcome.out + outcome.err, outcome
    assert shared.call("/refused-" + name).status == 404  # nothing was written


def test_the_old_version_serves_on_when_the_new_one_does_not_load(shared, tmp_path):
    path = write(tmp_path, "keeps.py", "def main(): return 'good'\n")
    shared.cli_ok("deploy", path, "--route", "/keeps")
    write(tmp_path, "keeps.py", "def main(:\n")
    outcome = shared.cli("deploy", path, "--route", "/keeps")
    assert outcome.code == 4 and "SyntaxError" in outcome.out + outcome.err
    assert shared.call("/keeps").text == "good"


def test_a_folder_with_modules_and_data(shared, tmp_path):
    folder = tmp_path / "shop"
    (folder / "lib").mkdir(parents=True)
    write(folder, "main.py", "from lib.price import total\ndef main(): return str(total()) + open('unit.txt').read()\n")
    write(folder / "lib", "__init__.py", "")
    write(folder / "lib", "price.py", "def total(): return 42\n")
    write(folder, "unit.txt", " EUR")
    shared.cli_ok("deploy", folder, "--route", "/shop")
    assert shared.call("/shop").text == "42 EUR"


def test_two_routes_on_one_address_are_refused(shared, tmp_path):
    shared.cli_ok("deploy", write(tmp_path, "first.py", "def main(): return '1'\n"), "--route", "/taken")
    outcome = shared.cli("deploy", write(tmp_path, "second.py", "def main(): return '2'\n"), "--route", "/taken")
    assert outcome.code == 4, outcome
    assert "/taken" in outcome.err and "first" in outcome.err
    assert shared.call("/taken").text == "1"
