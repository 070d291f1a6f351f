"""`hearth new` and `hearth dev`: from nothing to a function that follows its source."""

import os
import queue
import signal
import subprocess
import threading

import pytest

from hearth_daemon import BINARY, LIMIT, ROOT, until


class Dev:
    """A running `hearth dev`, its output line by line."""

    def __init__(self, daemon, *arguments):
        self.lines, self.seen = queue.Queue(), []
        self.process = subprocess.Popen([BINARY, "dev", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env={**daemon.env, "HEARTH_DATA": str(daemon.folder)})
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def until_line(self, part):
        """The next line that holds `part`."""
        while True:
            try:
                line = self.lines.get(timeout=LIMIT)
            except queue.Empty:
                line = None
            assert line is not None, f"no line with {part!r} came:\n" + "\n".join(self.seen)
            self.seen.append(line)
            if part in line:
                return line

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(LIMIT)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT)


@pytest.fixture
def dev(daemon):
    made = []

    def start(*arguments):
        made.append(Dev(daemon, *arguments))
        return made[-1]

    yield start
    for one in made:
        one.close()


def python(text):
    return f"def main():\n    print('printed {text}')\n    return '{text}'\n"


def test_a_folder_follows_its_source_through_an_error_and_is_removed_at_the_end(daemon, dev, tmp_path):
    folder = tmp_path / "follow"
    folder.mkdir()
    source = folder / "main.py"
    source.write_text(python("one"))
    running = dev(folder, "--rm")
    running.until_line(f"live at http://{daemon.gateway}/follow")
    running.until_line("watching")
    assert daemon.call("/follow").text == "one"
    running.until_line("printed one")

    source.write_text(python("two"))
    running.until_line("main.py is live")
    assert daemon.call("/follow").text == "two"

    source.write_text("def main(:\n")
    running.until_line("SyntaxError")
    running.until_line("waiting for the next save")
    assert daemon.call("/follow").text == "two"
    assert running.process.poll() is None

    beside = folder / "main.py~new.tmp"
    beside.write_text(python("three"))
    os.rename(beside, source)
    running.until_line("main.py is live")
    assert daemon.call("/follow").text == "three"
    running.until_line("printed three")

    assert running.end() == 0
    assert daemon.call("/follow").status == 404
    for kind in ["functions", "packages", "httptriggers", "environments"]:
        assert daemon.api("GET", f"/api/v1/namespaces/default/{kind}").json["items"] == [], kind


def test_one_file_that_does_not_load_at_first(daemon, dev, tmp_path):
    source = tmp_path / "single.py"
    source.write_text("raise ValueError('not yet')\n")
    running = dev(source, "--route", "/other")
    running.until_line("not yet")
    running.until_line("watching")
    (tmp_path / "beside.py").write_text("x = 1\n")
    source.write_text(python("loaded"))
    running.until_line("live at")
    assert daemon.call("/other").text == "loaded"
    running.until_line("printed loaded")
    assert running.end(signal.SIGTERM) == 0
    assert daemon.call("/other").text == "loaded"
    assert not any("beside" in line for line in running.seen)


def test_what_was_there_before_is_not_removed(daemon, dev, tmp_path):
    folder = tmp_path / "keep"
    folder.mkdir()
    (folder / "index.js").write_text("module.exports = async () => ({status: 200, body: 'a'});\n")
    daemon.cli_ok("deploy", folder, "--route", "/keep")
    running = dev(folder, "--rm", "--call", "/")
    running.until_line("watching")
    (folder / "index.js").write_text("module.exports = async () => ({status: 200, body: 'b'});\n")
    running.until_line("200  b")
    running.until_line("index.js is live")
    assert running.end() == 0
    assert daemon.call("/keep").text == "b"


def test_built_code_that_does_not_load_is_told_at_the_save(daemon, dev, tmp_path):
    folder = tmp_path / "built"
    folder.mkdir()
    (folder / "main.py").write_text(python("one"))
    running = dev(folder, "--build")
    running.until_line("watching")
    assert daemon.call("/built").text == "one"
    (folder / "main.py").write_text("def main(:\n")
    running.until_line("SyntaxError")
    running.until_line("calls fail until it loads")
    (folder / "main.py").write_text(python("two"))
    running.until_line("main.py is live")
    assert daemon.call("/built").text == "two"


def test_dev_without_daemon_or_source_ends_with_the_reason(daemon, tmp_path):
    nothing = daemon.cli("dev", tmp_path / "nothing")
    assert nothing.code != 0
    assert "no file or folder" in nothing.err
    source = tmp_path / "a.py"
    source.write_text(python("a"))
    away = daemon.cli("dev", source, "--api", "127.0.0.1:1")
    assert away.code == 5, away


def test_a_starter_keeps_what_may_be_executed(daemon, tmp_path):
    daemon.cli_ok("new", "binary", "program", cwd=tmp_path)
    source = ROOT / "env-images/binary/starter"
    made = {p.name: os.access(p, os.X_OK) for p in (tmp_path / "program").iterdir()}
    assert made == {p.name: os.access(p, os.X_OK) for p in source.iterdir()}
    assert any(made.values())


def test_a_starter_needs_an_empty_folder(daemon, tmp_path):
    made = daemon.cli_ok("new", "python", "shop", cwd=tmp_path)
    assert "hearth dev shop" in made.out
    again = daemon.cli("new", "python", "shop", cwd=tmp_path)
    assert again.code != 0
    assert "not empty" in again.err


@pytest.mark.parametrize("language", ["binary", "dotnet", "go", "java", "nodejs", "php", "python", "ruby"])
def test_a_starter_is_a_working_function(daemon, tmp_path, language):
    """The line that `hearth new` prints is run as it stands."""
    offer = until(lambda: offer_of(daemon, language), f"the check of {language}")
    if offer["state"] == "missing":
        pytest.skip(f"{language}: {offer['detail']}")
    made = daemon.cli_ok("new", language, "shop", cwd=tmp_path)
    line = next(line.split() for line in made.out.splitlines() if line.startswith("  hearth deploy"))
    deployed = daemon.cli(*line[1:], cwd=tmp_path, limit=300)
    assert deployed.code == 0, deployed
    answer = daemon.call("/shop?name=you")
    assert answer.status == 200 and "you" in answer.text, answer


def offer_of(daemon, language):
    offered = {i["name"]: i for i in daemon.api("GET", "/api/v1/environments-available").json["items"]}
    return offered[language] if offered[language]["state"] != "checking" else None


def test_the_daemon_offers_its_environments_with_their_state(daemon):
    def items():
        found = daemon.api("GET", "/api/v1/environments-available").json["items"]
        return found if all(i["state"] != "checking" for i in found) else None

    offered = {i["name"]: i for i in until(items, "all checks of environments")}
    assert offered["python"]["state"] == "ok"
    assert offered["python"]["starter"] is True
    assert daemon.cli_ok("env", "add", "snake", "--lang", "python").out.startswith("environment/snake")
    listed = {i["name"]: i for i in daemon.cli_ok("env", "list", "-o", "json").json}
    assert listed["snake"]["added"] is True
    assert listed["snake"]["image"] == offered["python"]["image"]
    assert listed["python"]["added"] is False
    unknown = daemon.api("GET", "/api/v1/environments-available/cobol/starter", headers={"Accept": "*/*"})
    assert unknown.status == 404
    assert "python" in unknown.text
