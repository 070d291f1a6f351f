"""The logs of a function end with it."""

import documents
from hearth_daemon import until

SAYS = "def main():\n    print('{0}', flush=True)\n    return '{0}'\n"


def files(daemon):
    return sorted(str(f.relative_to(daemon.folder / "logs")) for f in (daemon.folder / "logs").rglob("*") if f.is_file())


def logs_of(daemon, name):
    return [f for f in files(daemon) if f.startswith(f"default/{name}.")]


def test_deleting_a_function_removes_its_logs(daemon):
    daemon.apply(documents.whole("talks", SAYS.format("former")) + documents.whole("stays", SAYS.format("stays"))[1:])
    for name in ("talks", "stays"):
        assert daemon.call("/" + name).status == 200
        until(lambda n=name: "GET" in daemon.cli_ok("logs", n).out, "the record of the call")
    assert logs_of(daemon, "talks")
    daemon.cli_ok("delete", "function", "talks")
    until(lambda: not logs_of(daemon, "talks") and not daemon.instances("talks"), "the files to go")
    assert logs_of(daemon, "stays")

    daemon.apply(documents.whole("talks", SAYS.format("latter")))
    assert daemon.call("/talks").text == "latter"
    shown = until(lambda: (o := daemon.cli_ok("logs", "talks").out) and "latter" in o and o, "the new one's lines")
    assert "former" not in shown
    daemon.terminate()
    daemon.start()
    assert logs_of(daemon, "talks") and "latter" in daemon.cli_ok("logs", "talks").out


def test_what_a_killed_daemon_left_goes_at_the_next_start(daemon):
    daemon.apply(documents.whole("talks", SAYS.format("former")))
    daemon.call("/talks")
    until(lambda: logs_of(daemon, "talks"), "its file")
    daemon.kill()
    folder = daemon.folder / "logs/default"
    for left in logs_of(daemon, "talks"):
        (folder / left.replace("default/talks", "gone")).write_bytes((daemon.folder / "logs" / left).read_bytes())
    daemon.start()
    until(lambda: not logs_of(daemon, "gone"), "the orphan to go")
    assert logs_of(daemon, "talks")
