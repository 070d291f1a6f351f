"""Source packages: built by the environment's builder, once, in a queue, with a log that can be followed."""

import http.client

import builds
import pytest
from documents import function, route
from hearth_daemon import until

PACKAGES = "/api/v1/namespaces/default/packages/"


@pytest.fixture(scope="module")
def environments(tmp_path_factory):
    return builds.environments_folder(tmp_path_factory.mktemp("environments"))


@pytest.fixture
def start(daemons, environments, tmp_path):
    """start(...) gives a daemon with these keys of `build` in its hearth.yaml."""
    def begin(**keys):
        file = builds.configuration(tmp_path, environments, **keys)
        daemon = daemons(arguments=["--config", file]).start()
        return daemon
    return begin


def write(daemon, *documents):
    for document in documents:
        plural = {"Environment": "environments", "Package": "packages", "Function": "functions", "HTTPTrigger": "httptriggers"}[document["kind"]]
        answer = daemon.api("PUT", f"/api/v1/namespaces/default/{plural}/{document['metadata']['name']}", document)
        assert answer.status in (200, 201), answer


def build_of(daemon, name):
    return daemon.api("GET", PACKAGES + name + "/build").json


def wait_for(daemon, name, status):
    return until(lambda: (lambda b: b if b["buildstatus"] == status else None)(build_of(daemon, name)), f"{name} {status}")


def deploy(daemon, name, mode="ok", answer="hello"):
    write(daemon, builds.environment(), builds.source_package(name, mode, answer),
          function(name, "main.main", "tiny"), route(name, f"/{name}"))


def test_a_source_package_is_built_and_its_function_answers(start):
    daemon = start()
    deploy(daemon, "good")
    build = wait_for(daemon, "good", "succeeded")
    assert build["buildlog"].splitlines()[1:3] == ["step one", "step three"]
    assert build["startedAt"] <= build["finishedAt"]
    answer = daemon.call("/good")
    assert answer.status == 200 and answer.text.startswith("hello "), answer
    package = daemon.api("GET", PACKAGES + "good").json
    assert package["status"]["buildstatus"] == "succeeded"
    assert package["spec"]["deployment"]["checksum"]["sum"] == build["deploymentDigest"]
    assert "hearth.io/build" not in package["metadata"].get("annotations", {})
    assert "step one\n" in daemon.api("GET", PACKAGES + "good/build/log").text


def test_a_compile_error_is_told_once_and_not_retried(start):
    daemon = start()
    deploy(daemon, "bad", "fail")
    build = wait_for(daemon, "bad", "failed")
    assert build["error"].endswith("ended with exit code 3")
    assert "main.tiny:3: undefined: x" in build["buildlog"]
    answer = daemon.call("/bad")
    assert answer.status == 502, answer
    assert "the build of package default/bad failed" in answer.text and "undefined: x" in answer.text
    until(lambda: daemon.api("GET", "/api/v1/builds").json["items"] == [], "the end of the queue")
    assert builds.runs_of(daemon, "bad") == 1
    assert "main.tiny:3: undefined: x" in daemon.cli_ok("package", "logs", "bad").out
    shown = daemon.cli_ok("package", "describe", "bad").out
    assert "failed" in shown and "exit code 3" in shown
    again = daemon.cli("package", "rebuild", "-f", "bad")
    assert again.code == 1 and "undefined: x" in again.out and "exit code 3" in again.err, again
    assert builds.runs_of(daemon, "bad") == 2


def test_a_build_that_takes_too_long_is_ended_with_all_its_processes(start):
    daemon = start(timeout="1s")
    deploy(daemon, "slow", "sleep")
    build = wait_for(daemon, "slow", "failed")
    assert "did not end in time" in build["error"] and "build.timeout is 1 s" in build["error"]
    assert not builds.has_process(b"4829.5")


def test_the_queue_says_why_a_build_waits_and_cancel_ends_one(start):
    daemon = start(concurrency=1)
    write(daemon, builds.environment())
    for name in ("one", "two", "three"):
        write(daemon, builds.source_package(name, "gate", name))
    wait_for(daemon, "one", "running")
    queue = until(lambda: (lambda q: q if len(q) == 3 else None)(daemon.api("GET", "/api/v1/builds").json["items"]), "three builds")
    assert [(b["package"], b.get("reason", "")) for b in queue] == [
        ("one", ""), ("two", "waiting: 1 build runs, 0 before it"), ("three", "waiting: 1 build runs, 1 before it")]
    assert "waiting: 1 build runs, 1 before it" in daemon.cli_ok("package", "builds").out
    assert daemon.api("DELETE", PACKAGES + "two/build").status == 202
    until(lambda: builds.runs_of(daemon, "one") == 1, "the first one's start")
    assert wait_for(daemon, "two", "failed")["error"] == "it was cancelled before it began"
    daemon.cli_ok("package", "cancel", "one")
    assert wait_for(daemon, "one", "failed")["error"] == "it was cancelled"
    wait_for(daemon, "three", "running")
    builds.open_gate(daemon, "three")
    wait_for(daemon, "three", "succeeded")
    until(lambda: not builds.has_process(b"0.0517"), "the end of what was cancelled")
    assert daemon.api("DELETE", PACKAGES + "three/build").status == 409
    assert (builds.runs_of(daemon, "one"), builds.runs_of(daemon, "two")) == (1, 0)


def test_the_log_is_followed_line_by_line_and_calls_say_that_it_is_built(start):
    daemon = start()
    deploy(daemon, "gated", "gate")
    wait_for(daemon, "gated", "running")
    connection = http.client.HTTPConnection(daemon.api_address, timeout=60)
    connection.request("GET", PACKAGES + "gated/build/log?follow=true", headers={"Authorization": "Bearer " + daemon.token})
    stream = connection.getresponse()
    assert stream.status == 200
    assert stream.readline().startswith(b"hearth: building default/gated for environment tiny")
    assert stream.readline() == b"step one\n"
    answer = daemon.call("/gated")
    assert answer.status == 503 and "is being built" in answer.text, answer
    assert int(answer.headers["Retry-After"]) > 0
    builds.open_gate(daemon, "gated")
    assert stream.readline() == b"step two\n"
    assert stream.readline() == b"step three\n"
    assert stream.readline().startswith(b"hearth: built ")
    assert stream.readline() == b""
    connection.close()
    assert build_of(daemon, "gated")["buildstatus"] == "succeeded"
    assert daemon.call("/gated").status == 200


def test_what_serves_goes_on_and_the_same_digest_changes_nothing(start):
    daemon = start()
    deploy(daemon, "kept", answer="first")
    first = wait_for(daemon, "kept", "succeeded")
    pid = daemon.call("/kept").text.split()[1]
    assert daemon.api("POST", PACKAGES + "kept/build").status == 202
    until(lambda: builds.runs_of(daemon, "kept") == 2, "the second build")
    again = wait_for(daemon, "kept", "succeeded")
    assert again["deploymentDigest"] == first["deploymentDigest"]
    assert daemon.call("/kept").text == f"first {pid}"

    write(daemon, builds.source_package("kept", "gate", "second"))
    wait_for(daemon, "kept", "running")
    assert daemon.call("/kept").text == f"first {pid}"
    builds.open_gate(daemon, "kept")
    wait_for(daemon, "kept", "succeeded")
    assert daemon.call("/kept").text.startswith("second ")
    write(daemon, builds.source_package("kept", "fail", "third"))
    wait_for(daemon, "kept", "failed")
    assert daemon.call("/kept").text.startswith("second ")
    runs = builds.runs_of(daemon, "kept")
    write(daemon, builds.source_package("kept", "fail", "third"))
    assert build_of(daemon, "kept")["buildstatus"] == "failed"
    assert builds.runs_of(daemon, "kept") == runs


def test_a_build_is_started_again_after_the_daemon_was_killed(start):
    daemon = start()
    deploy(daemon, "hardy", "gate")
    until(lambda: builds.runs_of(daemon, "hardy") == 1, "the first start")
    daemon.kill()
    until(lambda: not builds.has_process(b"0.0517"), "the end of what the dead daemon built")
    daemon.start()
    until(lambda: builds.runs_of(daemon, "hardy") == 2, "the second start")
    builds.open_gate(daemon, "hardy")
    wait_for(daemon, "hardy", "succeeded")
    assert daemon.call("/hardy").status == 200


def test_hearth_build_and_download(start, tmp_path):
    daemon = start()
    write(daemon, builds.environment())
    source = tmp_path / "thing"
    source.mkdir()
    (source / "main.py").write_text(builds.MAIN.format(answer="x"))
    (source / "mode").write_text("ok")
    (source / "name").write_text("thing")
    # An executable makes it an uploaded archive, which keeps the bit.
    (source / "tool").write_text("#!/bin/sh\n")
    (source / "tool").chmod(0o755)
    built = daemon.cli_ok("build", source, "--env", "tiny")
    assert "step one\nstep three\n" in built.out
    daemon.cli_ok("package", "download", "thing", "-O", tmp_path / "thing.zip")
    with builds.zipfile.ZipFile(tmp_path / "thing.zip") as archive:
        assert archive.namelist() == ["main.py"]
    daemon.cli_ok("package", "download", "thing", "--source", "-O", tmp_path / "source")
    (source / "mode").write_text("fail")
    failed = daemon.cli("build", source, "--env", "tiny")
    assert failed.code == 1 and "undefined: x" in failed.out and "exit code 3" in failed.err, failed
    assert "tiny" in daemon.cli_ok("package", "list").out


def test_deploy_builds_python_requirements_from_a_folder_of_wheels(start, tmp_path):
    wheels = builds.wheel(tmp_path / "wheels")
    tmp_path.chmod(0o755)
    daemon = start(env={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)})
    source = tmp_path / "greeter"
    source.mkdir()
    (source / "main.py").write_text("import greeting\ndef main():\n    return greeting.WORD\n")
    (source / "requirements.txt").write_text("greeting==1.0\n")
    deployed = daemon.cli_ok("deploy", source, "--route", "/greeter", "--entry", "main.main")
    assert "building, because of requirements.txt" in deployed.err
    assert daemon.call("/greeter").text == "from the wheel"
    (source / "requirements.txt").write_text("absent-package==9\n")
    failed = daemon.cli("deploy", source, "--route", "/greeter", "--entry", "main.main")
    assert failed.code == 1 and "absent-package" in failed.err, failed
    assert daemon.call("/greeter").text == "from the wheel"


def test_deploy_loads_a_built_package_though_the_function_is_as_it_was(start, tmp_path):
    wheels = builds.wheel(tmp_path / "wheels")
    tmp_path.chmod(0o755)
    daemon = start(env={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)})
    source = tmp_path / "again"
    source.mkdir()
    (source / "requirements.txt").write_text("greeting==1.0\n")
    (source / "main.py").write_text("def main():\n    return 'one'\n")
    daemon.cli_ok("deploy", source, "--route", "/again", "--entry", "main.main")
    (source / "main.py").write_text("def main(:\n")
    broken = daemon.cli("deploy", source, "--route", "/again", "--entry", "main.main")
    assert broken.code == 4, broken
    assert "SyntaxError" in broken.err and "calls fail until" in broken.err
    unasked = daemon.cli("deploy", source, "--route", "/again", "--entry", "main.main", "--no-verify")
    assert unasked.code == 0, unasked
    (source / "main.py").write_text("def main():\n    return 'two'\n")
    daemon.cli_ok("deploy", source, "--route", "/again", "--entry", "main.main")
    assert daemon.call("/again").text == "two"
