"""Programs that are run once per request."""

import os
import pathlib
import select
import socket

import pytest

SH = "#!/bin/sh\n"


@pytest.fixture
def binary(start_environment):
    return lambda **options: start_environment("binary", **options)


def write(folder, files):
    """Writes {path: (text or bytes, executable)} and returns the folder."""
    for path, (content, executable) in files.items():
        target = pathlib.Path(folder) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        target.chmod(0o755 if executable else 0o644)
    return str(folder)


def script(runtime, text, executable=True):
    folder = write(runtime.folder / "code", {"run.sh": (text if text.startswith("#!") else SH + text, executable)})
    answer = runtime.specialize(folder, "run.sh")
    assert answer.status == 202, answer.text
    return runtime


def test_fissions_variables_and_those_of_cgi(binary):
    text = 'echo "$REQUEST_METHOD|$REQUEST_URI|$CONTENT_LENGTH|$HTTP_X_OWN|$PATH_INFO|$QUERY_STRING|$CONTENT_TYPE|$GATEWAY_INTERFACE|$SERVER_PROTOCOL"\ncat'
    answer = script(binary(), text).call("POST", "/a%20b/c?x=1&y", b"body", {"X-Own": "v w", "Content-Type": "text/x"})
    assert answer.text == "POST|/a%20b/c?x=1&y|4|v w|/a b/c|x=1&y|text/x|CGI/1.1|HTTP/1.1\nbody"


def test_a_proxy_header_does_not_become_a_variable_that_programs_obey(binary):
    answer = script(binary(), "env").call("GET", "/", headers={"Proxy": "http://evil", "X_Own": "1", "X-Own": "2"})
    assert "HTTP_PROXY" not in answer.text and "evil" not in answer.text
    assert "HTTP_X_OWN=2" in answer.text.splitlines()


@pytest.mark.parametrize("output, status, headers, body", [
    ("plain\\n", 200, {}, "plain\n"),
    ("", 200, {}, ""),
    ("Status: 404 Not Found\\n\\ngone", 404, {}, "gone"),
    ("Status: 204\\n\\n", 204, {}, ""),
    ("Content-Type: application/json\\r\\nX-A: 1\\r\\nX-A: 2\\r\\n\\r\\n{}", 200, {"Content-Type": "application/json", "X-A": "1, 2"}, "{}"),
    ("status: 201\\ncontent-type: text/csv\\n\\na,b", 201, {"Content-Type": "text/csv"}, "a,b"),
    ("Location: /there\\n\\n", 302, {"Location": "/there"}, ""),
    ("Content-Type: text/plain\\n\\n", 200, {"Content-Type": "text/plain"}, ""),
    ("Status: 200\\n\\n\\nbody after an empty line", 200, {}, "\nbody after an empty line"),
    ("Note: this is no header\\n\\nbut a letter", 200, {}, "Note: this is no header\n\nbut a letter"),
    ("Status: fine\\nall is well\\n", 200, {}, "Status: fine\nall is well\n"),
    ("Status: all is well", 200, {}, "Status: all is well"),
    ("\\nStatus: 404\\n\\n", 200, {}, "\nStatus: 404\n\n"),
    ("Content-Type: text/plain\\nConnection: close\\nTransfer-Encoding: gzip\\n\\nx", 200, {}, "x"),
    ("<html><p>x", 200, {"Content-Type": "text/html; charset=utf-8"}, "<html><p>x"),
], ids=range(15))
def test_a_header_block_is_recognised_and_nothing_else_is(binary, output, status, headers, body):
    answer = script(binary(), f"printf '{output}'").call()
    assert (answer.status, answer.text) == (status, body)
    for name, value in headers.items():
        assert ", ".join(answer.headers.get_all(name)) == value
    assert answer.headers.get("Transfer-Encoding") != "gzip"


@pytest.mark.parametrize("output", ["Status: 99\\n\\n", "Status: ok\\n\\n", "Status: 1000\\n\\n"])
def test_a_wrong_status_is_the_functions_fault(binary, output):
    runtime = script(binary(), f"printf '{output}'")
    answer = runtime.call()
    assert answer.status == 500 and "header block is wrong" in answer.text
    runtime.wait_for_message("it must be a number from 200 to 599")


@pytest.mark.parametrize("text", ["exit 3", "echo partial; exit 3", "printf 'Content-Type: text/plain\\n\\npartial'; exit 3"])
def test_a_failure_is_answered_500_whatever_was_written(binary, text):
    runtime = script(binary(), f"echo because >&2; {text}")
    answer = runtime.call("GET", "/", headers={"X-Request-Id": "f-1"})
    assert (answer.status, answer.text) == (500, "the program ended with exit code 3; its log may say more\n")
    assert runtime.wait_for_message("because")["request_id"] == "f-1"
    assert runtime.wait_for_message("exit code 3")["request_id"] == "f-1"
    assert runtime.call().status == 500


def test_a_program_killed_by_a_signal_is_answered_500(binary):
    answer = script(binary(), "kill -9 $$").call()
    assert answer.status == 500 and "was ended by signal 9 (killed)" in answer.text


def test_a_failure_after_the_answer_has_begun_cuts_it_off(binary):
    runtime = script(binary(), "printf 'Status: 200\\n\\n'; echo begun; exit 1")
    connection = runtime.connect()
    connection.request("GET", "/")
    response = connection.getresponse()
    with pytest.raises(Exception) as raised:
        response.read()
    assert type(raised.value).__name__ == "IncompleteRead"
    connection.close()


def test_what_a_call_leaves_running_ends_with_it(binary):
    runtime = script(binary(), "sleep 1000 & echo $!")
    answer = runtime.call()
    assert answer.status == 200
    assert not alive(int(answer.text))


def alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def test_the_program_ends_when_the_client_leaves(binary):
    runtime = script(binary(), "mkfifo \"$TMPDIR/gate\"; printf 'Status: 200\\n\\n'; echo $$; cat \"$TMPDIR/gate\"")
    connection = runtime.connect()
    connection.request("GET", "/")
    pid = int(connection.getresponse().readline())
    assert alive(pid)
    watched = os.pidfd_open(pid)
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
    assert select.select([watched], [], [], 30)[0], "the program still runs"
    os.close(watched)


def test_a_body_cut_short_does_not_look_whole(binary):
    runtime = script(binary(), "cat >/dev/null; echo \"whole $(pwd)\" >&2")
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(runtime.address[5:])
    raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this")
    raw.close()
    runtime.call("POST", "/", b"x")
    runtime.wait_for_message("whole")
    assert len([r for r in runtime.records() if "whole" in r["message"]]) == 1


def test_a_body_that_the_program_does_not_read_is_no_failure(binary):
    runtime = script(binary(), "echo ignored")
    connection = runtime.connect()
    for _ in range(2):
        connection.request("POST", "/", b"x" * (4 << 20))
        assert connection.getresponse().read() == b"ignored\n"
    connection.close()


def test_both_directions_stream_at_once(binary):
    runtime = script(binary(), "printf 'Status: 200\\n\\n'; while read -r line; do echo \"got $line\"; done")
    connection = runtime.connect()
    connection.putrequest("POST", "/")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(b"4\r\none\n\r\n")
    response = connection.getresponse()
    assert response.readline() == b"got one\n"
    connection.send(b"4\r\ntwo\n\r\n0\r\n\r\n")
    assert response.read() == b"got two\n"
    connection.close()


@pytest.mark.parametrize("name, content, executable, entry", [
    ("only", SH + "echo fine", True, ""),
    ("only", SH + "echo fine", False, ""),
    ("only", "echo fine", True, "only"),
    ("only.py", "#!/usr/bin/env python3\nprint('fine')", True, ""),
    ("bin/tool.py", "#!/usr/bin/python3\nprint('fine')", False, "bin/tool.py"),
], ids=range(5))
def test_scripts_run_whatever_their_mode(binary, tmp_path, name, content, executable, entry):
    files = {name: (content, executable)}
    assert binary().load_folder(write(tmp_path, files), entry).call().text.strip() == "fine"


@pytest.mark.parametrize("files, wanted", [
    ({"handler": (SH + "echo handler", True), "other": (SH + "echo other", True)}, "handler"),
    ({"main.sh": (SH + "echo main", False), "lib.sh": ("", False)}, "main"),
    ({"data.txt": ("x", False), "tool": (SH + "echo tool; cat data.txt", True)}, "tool\nx"),
], ids=range(3))
def test_the_program_meant_is_found_without_a_name(binary, tmp_path, files, wanted):
    assert binary().load_folder(write(tmp_path, files)).call().text.strip() == wanted


@pytest.mark.parametrize("executable", [True, False])
def test_elf_files_run(binary, tmp_path, executable):
    program = pathlib.Path("/usr/bin/env").read_bytes()
    answer = binary().load_folder(write(tmp_path, {"program": (program, executable)}), "program", env={"OWN": "grüß"}).call("PUT")
    assert {"REQUEST_METHOD=PUT", "OWN=grüß"} <= set(answer.text.splitlines())


def test_a_single_file_runs(binary, tmp_path):
    folder = write(tmp_path, {"deployarchive": ("echo single", False)})
    assert binary().load_folder(f"{folder}/deployarchive", "whatever").call().text == "single\n"


@pytest.mark.parametrize("files, entry, wanted", [
    ({"a.sh": (SH, True), "b.sh": (SH, True)}, "", "no program was named"),
    ({"a.sh": (SH, True)}, "gone.sh", "the package has no file gone.sh; it has a.sh"),
    ({"a.sh": (SH, True)}, "../a.sh", "is no path inside the package"),
    ({"a.sh": (SH, True)}, "/bin/sh", "is no path inside the package"),
    ({"a.sh": ("#!/bin/sh\nif true; then", True)}, "", "a.sh: 2: Syntax error"),
    ({"a.sh": ("#!/bin/bash\nif true; then\n", True)}, "", "a.sh: line 3: syntax error"),
    ({"a": ("#!/usr/bin/no-such-thing\n", True)}, "", "its interpreter /usr/bin/no-such-thing is not installed"),
    ({"a": (b"\x00\x01\x02", True)}, "", "it is neither ELF nor a text"),
    ({"a.c": ("int main() {}", False)}, "", "is source code in C; deploy it as a source package"),
    ({"hearth.json": ("{", False)}, "", "hearth.json: "),
    ({"hearth.json": ('{"command": ["x"], "protocol": "ftp"}', False)}, "", 'protocol is "ftp"; it must be http, cgi or listener'),
    ({"hearth.json": ('{"command": [], "protocol": "cgi"}', False)}, "", "command must be a list"),
    ({"hearth.json": ('{"comand": ["x"], "protocol": "cgi"}', False)}, "", 'unknown field "comand"'),
    ({"hearth.json": ('{"command": ["./x"], "protocol": "cgi"}', False)}, "", "the package has no file ./x"),
], ids=range(14))
def test_packages_that_do_not_load_say_why(binary, tmp_path, files, entry, wanted):
    answer = binary().specialize(write(tmp_path, files), entry)
    assert answer.status == 500 and wanted in answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_a_manifest_may_name_a_program_run_per_request(binary, tmp_path):
    files = {"hearth.json": ('{"command": ["cat", "answer.txt"], "protocol": "cgi"}', False), "answer.txt": ("from a file", False)}
    assert binary().load_folder(write(tmp_path, files)).call().text == "from a file"


def test_version_1_names_no_path(binary):
    answer = binary().call("POST", "/specialize")
    assert answer.status == 500 and "/userfunc/user" in answer.text
