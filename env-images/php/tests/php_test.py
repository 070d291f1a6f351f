"""What is PHP's own: scripts with header(), output buffers, exit(), fatal errors, entry points, processes."""

import json
import pathlib
import socket

import pytest


@pytest.fixture
def php(start_environment):
    return lambda **options: start_environment("php", **options)


def script(php, code, **files):
    return php().load({"index.php": f"<?php\n{code}", **files})


def test_a_script_sets_status_and_headers_and_sees_the_request(php):
    runtime = script(php, """
http_response_code(201);
header('Content-Type: application/json');
header('X-A: b');
setcookie('seen', 'yes');
echo json_encode([$_SERVER['REQUEST_METHOD'], $_SERVER['REQUEST_URI'], $_GET, $_POST, $_COOKIE, $_SERVER['HTTP_X_B'] ?? null, headers_sent()]);
""")
    answer = runtime.call("POST", "/path?q[]=1&q[]=2", "a=b&c[d]=ü".encode(),
                          {"Content-Type": "application/x-www-form-urlencoded", "Cookie": "k=v%20w", "X-B": "c"})
    assert (answer.status, answer.headers["X-A"], answer.headers["Content-Type"]) == (201, "b", "application/json")
    assert answer.headers["Set-Cookie"].startswith("seen=yes")
    assert answer.json == ["POST", "/path?q[]=1&q[]=2", {"q": ["1", "2"]}, {"a": "b", "c": {"d": "ü"}}, {"k": "v w"}, "c", False]
    assert runtime.call().json[0] == "GET"


def test_headers_and_status_of_one_request_do_not_reach_the_next(php):
    runtime = script(php, "if ($_GET) { header('X-A: b'); http_response_code(404); } echo count(headers_list());")
    connection = runtime.connect()
    for path, wanted in (("/?x=1", (404, "b")), ("/", (200, None))):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert (response.status, response.headers["X-A"]) == wanted
    connection.close()


def test_php_input_is_the_body_and_other_streams_still_work(php):
    runtime = script(php, """
$memory = fopen('php://memory', 'w+');
fwrite($memory, 'kept');
rewind($memory);
echo file_get_contents('php://input'), '|', file_get_contents('php://input'), '|', stream_get_contents($memory);
file_put_contents('php://stderr', "to the log\\n");
""")
    assert runtime.call("POST", "/", b"\x00raw", {"Content-Type": "text/x"}).body == b"\x00raw|\x00raw|kept"
    runtime.wait_for_message("to the log")
    assert runtime.call().text == "||kept"


@pytest.mark.parametrize("before, wanted", [
    ("ob_flush(); flush();", "chunked"),
    ("while (ob_get_level() > 0) ob_end_flush(); flush();", None),
])
def test_flushed_output_leaves_at_once(php, before, wanted):
    runtime = script(php, f"header('X-A: b'); http_response_code(206); echo \"one\\n\"; {before} sleep(60); echo 'two';")
    connection = runtime.connect()
    connection.request("GET", "/")
    response = connection.getresponse()
    assert (response.status, response.headers["X-A"], response.headers["Transfer-Encoding"]) == (206, "b", wanted)
    assert response.readline() == b"one\n"
    connection.close()


def test_a_script_may_close_all_buffers(php):
    answer = script(php, "echo 'one '; while (ob_get_level() > 0) ob_end_flush(); echo 'two'; flush();").call()
    assert (answer.status, answer.text) == (200, "one two")


def test_a_script_runs_anew_for_each_request_and_is_not_read_again(php):
    runtime = php()
    folder = pathlib.Path(runtime.code({"index.php": "<?php function twice($x) { return 2 * $x; } $n = ($n ?? 0) + 1; echo $n, twice($n);"}))
    assert runtime.specialize(folder).status == 200
    assert [runtime.call().text for _ in range(3)] == ["12"] * 3
    (folder / "index.php").write_text("<?php echo 'changed';")
    assert runtime.call().text == "12"


def test_a_connection_keeps_what_a_function_keeps_and_another_starts_anew(php):
    runtime = script(php, "function handler(array $context) { static $n = 0; return (string) ++$n; }")
    connection = runtime.connect()
    seen = []
    for _ in range(3):
        connection.request("GET", "/")
        seen.append(connection.getresponse().read())
    connection.close()
    assert seen == [b"1", b"2", b"3"]
    assert runtime.call().text == "1"


def test_a_script_with_functions_may_run_twice_on_one_connection_when_it_guards_them(php):
    runtime = script(php, "if (!function_exists('f')) { function f() { return 'f'; } } echo f();")
    connection = runtime.connect()
    for _ in range(2):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"f"
    connection.close()


@pytest.mark.parametrize("code, status, body", [
    ("echo 'part'; exit;", 200, "part"),
    ("http_response_code(403); die('denied');", 403, "denied"),
    ("function handler($c) { echo 'said'; exit(3); }", 200, "said"),
    ("function handler($c) { register_shutdown_function(function () { error_log('last words'); }); exit; }", 200, ""),
])
def test_exit_ends_the_answer_in_order(php, code, status, body):
    runtime = script(php, code)
    for _ in range(2):
        answer = runtime.call()
        assert (answer.status, answer.text) == (status, body)
    if "last words" in code:
        runtime.wait_for_message("last words")


@pytest.mark.parametrize("code, message", [
    ("function handler($c) { ini_set('memory_limit', '16M'); return str_repeat('x', 64 << 20); }", "Allowed memory size"),
    ("function handler($c) { throw new DomainException('secret'); }", "Uncaught DomainException: secret in"),
    ("function handler($c) { undefined_one(); }", "Call to undefined function undefined_one()"),
    ("function handler($c) { return new stdClass(); }", "this one returned stdClass"),
    ("echo 'x'; throw new DomainException('secret');", "Uncaught DomainException: secret in"),
])
def test_failures_answer_500_and_are_logged_with_the_request_id(php, code, message):
    runtime = script(php, code)
    answer = runtime.call(headers={"X-Request-Id": "f-1"})
    assert answer.status == 500 and "The function failed" in answer.text and "secret" not in answer.text
    assert runtime.wait_for_message(message)["request_id"] == "f-1"
    assert runtime.call().status == 500  # the instance is still there


def test_failure_in_the_middle_of_an_answer_cuts_it(php):
    runtime = script(php, "function handler($c) { yield 'part'; throw new Exception('late'); }")
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(30)
        caller.connect(runtime.address[5:])
        caller.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b"".join(iter(lambda: caller.recv(4096), b""))
    assert received.endswith(b"4\r\npart\r\n")
    runtime.wait_for_message("late")


@pytest.mark.parametrize("body, wanted, kind", [
    ("return 'text';", b"text", "text/plain; charset=utf-8"),
    ("return ['a' => 'ü'];", '{"a":"ü"}'.encode(), "application/json"),
    ("echo 'echoed';", b"echoed", "text/html; charset=UTF-8"),
    ("$c['response']->getBody()->write('written');", b"written", None),
    ("return $c['response']->withHeader('Content-Type', 'text/x');", b"", "text/x"),
    ("header('Content-Type: text/y'); return 'y';", b"y", "text/y;charset=UTF-8"),
    ("return fn ($write) => [$write('one'), $write('two')];", b"onetwo", "text/plain; charset=utf-8"),
    ("return (function () { header('Content-Type: text/z'); yield 'z'; })();", b"z", "text/z;charset=UTF-8"),
    ("return \\GuzzleHttp\\Psr7\\Utils::streamFor(str_repeat('s', 100000));", b"s" * 100000, None),
    ("return null;", b"", None),
])
def test_what_functions_return(php, body, wanted, kind):
    answer = script(php, f"function handler(array $c) {{ {body} }}").call()
    assert (answer.status, answer.body) == (200, wanted)
    assert kind is None or answer.headers["Content-Type"] == kind


def test_echo_of_a_function_that_returns_something_goes_to_the_log(php):
    runtime = script(php, "function handler($c) { echo \"noted\\n\"; $c['logger']->warning('low {n}', ['n' => 3]); return 'x'; }")
    assert runtime.call(headers={"X-Request-Id": "e"}).text == "x"
    assert runtime.wait_for_message("noted")["request_id"] == "e"
    assert runtime.wait_for_message("WARNING low 3")["stream"] == "err"


@pytest.mark.parametrize("files, entry, wanted", [
    ({"a.php": "<?php function hello($c) { return 'a'; }"}, "a.php::hello", "a"),
    ({"a.php": "<?php namespace My; class F { static function s($c) { return 's'; } function m($c) { return 'm'; } }"}, "a.php::My\\F::s", "s"),
    ({"a.php": "<?php namespace My; class F { static function s($c) { return 's'; } function m($c) { return 'm'; } }"}, "a.php::My\\F::m", "m"),
    ({"a.php": "<?php class F { function __invoke($c) { return 'i'; } }"}, "a.php::F", "i"),
    ({"a.php": "<?php echo 'script';", "b.php": ""}, "a.php", "script"),
    ({"only.php": "<?php echo 'sole';"}, "", "sole"),
    ({"index.php": "<?php function handler($c) { return 'index'; }", "b.php": ""}, "", "index"),
    ({"index.php": "<?php function other($c) { return 'other'; }"}, "other", "other"),
    ({"index.php": "<?php function handler($c) { return Lib\\name(); }", "vendor/autoload.php": "<?php require __DIR__ . '/lib.php';",
      "vendor/lib.php": "<?php namespace Lib; function name() { return 'vendor'; }"}, "index.php::handler", "vendor"),
])
def test_entry_points(php, files, entry, wanted):
    assert php().load(files, entry).call("GET", "/any/path").text == wanted


@pytest.mark.parametrize("files, entry, wanted", [
    ({"index.php": "<?php\nfunction handler( {\n"}, "", ["PHP Parse error:", "index.php on line 2"]),
    ({"index.php": "<?php\n\necho 'x' 'y';\n"}, "index.php", ["PHP Parse error:", "index.php on line 3"]),
    ({"index.php": "<?php\nrequire 'helper.php';\nfunction handler() {}", "helper.php": "<?php\n}"}, "", ["PHP Parse error:", "helper.php on line 2"]),
    ({"index.php": "<?php\nfunction handler() {}\nfoo();"}, "", ["Call to undefined function foo()", "index.php:3", "{main}"]),
    ({"index.php": "<?php\nfunction handler() {}\nclass A {}\nclass A {}"}, "", ["Cannot declare class A", "on line 4"]),
    ({"index.php": "<?php function handler() {} exit(3);"}, "", ["the code ended the process while it was loaded"]),
    ({"index.php": "<?php function other() {}"}, "index.php::handler", ["Handler function 'handler' not found in index.php", "other"]),
    ({"index.php": ""}, "gone.php::f", ["the package has no file gone.php", "index.php"]),
    ({"a.php": "", "b.php": ""}, "", ["name the file as in file.php::function", "a.php, b.php"]),
])
def test_load_errors_are_phps_own(php, files, entry, wanted):
    runtime = php()
    answer = runtime.specialize(runtime.code(files), entry)
    assert answer.status == 500
    for part in wanted:
        assert part in answer.text
    assert "/php/src/" not in answer.text


def test_processes_started_by_a_function_see_its_environment_and_no_descriptor_of_the_loader(php):
    runtime = php().load({"index.php": "<?php function handler($c) { return shell_exec('echo $GREETING; ls /proc/self/fd'); }"},
                         env={"GREETING": "grüß dich"})
    greeting, *descriptors = runtime.call().text.split()
    assert greeting == "grüß"
    assert len([d for d in descriptors if d.isdigit() and int(d) > 2]) <= 1  # the folder that ls reads


def test_output_of_child_processes_belongs_to_the_request(php):
    runtime = script(php, "function handler($c) { exec('echo from the child >&2'); return ''; }")
    runtime.call(headers={"X-Request-Id": "child"})
    assert runtime.wait_for_message("from the child")["request_id"] == "child"


def test_output_while_loading_has_an_empty_id(php):
    runtime = script(php, "error_log('while loading'); function handler($c) { return ''; }")
    assert runtime.wait_for_message("while loading")["request_id"] == ""


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                                  b"GET / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n", b"GET / HTTP/1.1\r\nA : b\r\n\r\n", b"nonsense\r\n\r\n",
                                  b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"])
def test_what_is_no_http_is_refused(php, head):
    runtime = script(php, "echo 'reached';")
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(30)
        caller.connect(runtime.address[5:])
        caller.sendall(head)
        received = b"".join(iter(lambda: caller.recv(4096), b""))
    assert received.startswith(b"HTTP/1.1 400 ") and b"reached" not in received


def test_a_caller_who_waits_for_100_continue_gets_it(php):
    runtime = script(php, "function handler($c) { return (string) $c['request']->getBody(); }")
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(30)
        caller.connect(runtime.address[5:])
        caller.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert caller.recv(100).startswith(b"HTTP/1.1 100 ")
        caller.sendall(b"body")
        assert b"".join(iter(lambda: caller.recv(4096), b"")).endswith(b"body")


def test_sessions_of_one_connection_stay_apart(php):
    runtime = script(php, """
ini_set('session.save_path', sys_get_temp_dir());
session_start();
$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
echo json_encode([$_SESSION['n'], session_id()]);
""")
    connection = runtime.connect()

    def call(cookie=None):
        connection.request("GET", "/", headers={"Cookie": f"PHPSESSID={cookie}"} if cookie else {})
        return json.loads(connection.getresponse().read())

    _, first = call()
    assert call(first) == [2, first]
    count, second = call()
    assert count == 1 and second != first
    connection.close()
