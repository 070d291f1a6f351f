"""What a running Go function may rely on, and how its failures are told."""

import importlib.util
import os
import pathlib
import select
import socket

import pytest

import runtime_under_test as rut

_spec = importlib.util.spec_from_file_location("go_support", pathlib.Path(__file__).with_name("support.py"))
support = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(support)

SOURCE = """package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
)

var logger = log.New(os.Stdout, "own ", 0)
var release = make(chan bool)
var Count int
var Nothing http.Handler

func Handler(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/pid":
		fmt.Fprint(w, os.Getpid())
	case "/shout":
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintln(w, "got", lines.Text())
			w.(http.Flusher).Flush()
		}
	case "/log":
		log.Print("through log")
		logger.Print("through a logger made before")
		fmt.Print("no newline")
		child := exec.Command("echo", "from a child")
		child.Stdout = os.Stdout
		child.Run()
	case "/json":
		fmt.Printf("{\\"msg\\": \\"structured\\", \\"request_id\\": %q}\\n", r.Header.Get("X-Request-Id"))
	case "/hold":
		io.WriteString(w, "held\\n")
		w.(http.Flusher).Flush()
		<-release
	case "/release":
		close(release)
	case "/late":
		io.WriteString(w, "begun\\n")
		w.(http.Flusher).Flush()
		panic(errors.New("too late"))
	case "/abort":
		panic(http.ErrAbortHandler)
	case "/crash":
		go func() { panic("in a goroutine") }()
		select {}
	case "/exit":
		fmt.Println("going")
		os.Exit(3)
	case "/upgrade":
		connection, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer connection.Close()
		io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: own\\r\\n\\r\\n")
		line, _ := buffered.ReadString('\\n')
		io.WriteString(connection, "back: "+line)
	case "/healthz", "/v2/specialize":
		fmt.Fprint(w, "the function's ", r.URL.Path)
	case "/visible":
		for _, variable := range os.Environ() {
			fmt.Fprintln(w, variable)
		}
	}
}

func Odd(a, b int) {}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return support.package(tmp_path_factory.mktemp("go"), {"handler.go": SOURCE})


@pytest.fixture
def go(start_environment, built):
    return lambda **options: start_environment("go", **options).load_folder(built, "Handler")


def test_no_process_stands_between(go):
    runtime = go()
    pid = int(runtime.call("GET", "/pid").text)
    assert pid != runtime.process.pid
    listening = "00010000"
    inode = next(fields[6] for fields in map(str.split, pathlib.Path("/proc/net/unix").read_text(encoding="utf-8").splitlines())
                 if fields[-1] == runtime.address[5:] and fields[3] == listening)
    assert f"socket:[{inode}]" in rut.sockets_of(pid)


def test_connections_made_before_the_load_serve_after_it(start_environment, built):
    runtime = start_environment("go")
    early = runtime.connect()
    early.connect()
    runtime.load_folder(built, "Handler")
    early.request("GET", "/pid")
    assert early.getresponse().read().decode() == runtime.call("GET", "/pid").text
    early.close()


def test_both_directions_stream_at_once(go):
    connection = go().connect()
    connection.putrequest("POST", "/shout")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(b"4\r\none\n\r\n")
    response = connection.getresponse()
    assert response.readline() == b"got one\n"
    connection.send(b"4\r\ntwo\n\r\n0\r\n\r\n")
    assert response.read() == b"got two\n"
    connection.close()


def test_every_way_to_write_is_in_the_log_with_the_requests_id(go):
    runtime = go()
    runtime.call("GET", "/log", headers={"X-Request-Id": "l-1"})
    for stream, part in (("err", "through log"), ("out", "own through a logger made before"), ("out", "no newlinefrom a child")):
        record = runtime.wait_for_message(part)
        assert (record["stream"], record["request_id"]) == (stream, "l-1")


def test_lines_have_no_id_while_several_requests_run_but_json_may_name_one(go):
    runtime = go()
    held = runtime.connect()
    held.request("GET", "/hold", headers={"X-Request-Id": "held"})
    assert held.getresponse().readline() == b"held\n"
    runtime.call("GET", "/log", headers={"X-Request-Id": "l-2"})
    assert runtime.wait_for_message("through log")["request_id"] == ""
    runtime.call("GET", "/json", headers={"X-Request-Id": "l-3"})
    assert runtime.wait_for_message("structured")["request_id"] == "l-3"
    runtime.call("GET", "/release")
    held.close()


def test_a_panic_after_the_answer_has_begun_cuts_it_off(go):
    runtime = go()
    connection = runtime.connect()
    connection.request("GET", "/late", headers={"X-Request-Id": "late"})
    with pytest.raises(Exception) as raised:
        connection.getresponse().read()
    assert type(raised.value).__name__ == "IncompleteRead"
    assert runtime.wait_for_message("panic: too late")["request_id"] == "late"
    connection.close()


def test_an_aborted_answer_is_no_failure(go):
    runtime = go()
    with pytest.raises(Exception):
        runtime.call("GET", "/abort")
    assert runtime.call("GET", "/pid").status == 200
    assert not [r for r in runtime.records() if "panic" in r["message"]]


@pytest.mark.parametrize("path, code, message", [
    ("/crash", 2, "panic: in a goroutine"),
    ("/exit", 3, "the program ended with exit code 3"),
])
def test_the_instance_ends_with_its_program(go, path, code, message):
    runtime = go()
    with pytest.raises(Exception):
        runtime.call("GET", path)
    assert runtime.process.wait(30) == code
    runtime.wait_for_message(message)


def test_hijacked_connections(go):
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(go().address[5:])
    raw.sendall(b"GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\nline\n")
    stream = raw.makefile("rb")
    assert stream.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
    assert stream.read().endswith(b"\r\n\r\nback: line\n")
    raw.close()


def test_platform_paths_belong_to_the_function_when_the_gateway_passes_them_on(go):
    runtime = go()
    passed = {"X-Fission-Function-Name": "f"}
    assert runtime.call("GET", "/healthz", headers=passed).text == "the function's /healthz"
    assert runtime.call("POST", "/v2/specialize", b"{}", passed).text == "the function's /v2/specialize"
    assert runtime.call("GET", "/healthz").text == "ok\n"
    assert runtime.call("POST", "/specialize").status == 400


def test_how_it_was_started_is_not_to_be_seen(go):
    assert "HEARTH_FUNCTION" not in go().call("GET", "/visible").text


@pytest.mark.parametrize("entry, wanted", [
    ("Gone", "the package exports no entry point Gone; it exports Handler"),
    ("Odd", "Odd cannot serve requests: it is a func(int, int); it must be a func(http.ResponseWriter, *http.Request)"),
    ("Count", "Count cannot serve requests: it is a int"),
    ("Nothing", "Nothing cannot serve requests: it is nil"),
])
def test_entry_points_that_cannot_serve_are_named(start_environment, built, entry, wanted):
    runtime = start_environment("go")
    answer = runtime.specialize(built, entry)
    assert answer.status == 500 and wanted in answer.text
    assert runtime.load_folder(built, "Handler").call("GET", "/pid").status == 200


def test_sources_and_plugins_are_refused_with_the_remedy(start_environment):
    runtime = start_environment("go")
    answer = runtime.specialize(runtime.code({"handler.go": SOURCE}))
    assert answer.status == 500 and "deploy it as a source package" in answer.text
    plugin = bytearray(64)
    plugin[:4], plugin[16] = b"\x7fELF", 3
    answer = runtime.specialize(runtime.code({"plugin.so": bytes(plugin)}))
    assert answer.status == 500 and "is a shared library" in answer.text


def test_a_load_that_is_given_up_leaves_no_program(start_environment, tmp_path):
    source = support.HELLO + 'func init() { fmt.Println("stuck"); select {} }\n'
    package = support.package(tmp_path, {"handler.go": source.replace("select {}", "<-make(chan bool)")
                                         .replace('"fmt"', '"fmt"\n\t"os/signal"').replace("func init() {", "func init() { signal.Notify(make(chan os.Signal, 1));")
                                         .replace('"os/signal"', '"os"\n\t"os/signal"')})
    runtime = start_environment("go")
    connection = runtime.connect()
    body = b'{"filepath": "%s", "functionName": ""}' % str(package).encode()
    connection.request("POST", "/v2/specialize", body)
    runtime.wait_for_message("stuck")
    program = next(int(p.name) for p in pathlib.Path("/proc").glob("[0-9]*") if executable(p) == str(package / "function"))
    watched = os.pidfd_open(program)
    connection.close()
    assert select.select([watched], [], [], 30)[0], "the program still runs"
    os.close(watched)
    assert runtime.call("GET", "/healthz").status == 200


def executable(process):
    try:
        return os.readlink(process / "exe")
    except OSError:
        return ""


def test_a_built_program_can_be_started_by_hand(built):
    runtime = rut.Runtime([str(built / "function")], listen=rut.free_address())
    try:
        assert runtime.call("GET", "/pid").text == str(runtime.process.pid)
        assert runtime.terminate() == 0
    finally:
        runtime.close()
