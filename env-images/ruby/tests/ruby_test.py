"""What is Ruby's own: handlers, Rack applications, bodies, hijacking, output, load errors."""

import base64
import hashlib
import http.client
import os
import socket
import threading

import pytest


@pytest.fixture
def ruby(start_environment):
    return lambda **options: start_environment("ruby", **options)


def handler(ruby, body, before=""):
    return ruby().load({"handler.rb": f"{before}\ndef handler(context)\n{body}\nend\n"})


@pytest.mark.parametrize("body, status, wanted, kind", [
    ("'text'", 200, b"text", "text/plain; charset=utf-8"),
    ("\"\\x00\\xff\".b", 200, b"\x00\xff", "application/octet-stream"),
    ("{ a: 'ü' }", 200, '{"a":"ü"}'.encode(), "application/json"),
    ("nil", 200, b"", None),
    ("[201, { 'X-A' => 1 }, ['a', 'b']]", 201, b"ab", None),
    ("[202, {}, 'body']", 202, b"body", None),
    ("Rack::Response.new(['r'], 203, 'Content-Type' => 'text/r').finish", 203, b"r", "text/r"),
    ("Rack::Response.new(['r'], 203)", 203, b"r", None),
    ("Enumerator.new { |out| out << 'x' << 'y' }", 200, b"xy", "text/plain; charset=utf-8"),
    ("[200, {}, proc { |stream| stream << 'p'; stream.write('q'); stream.close }]", 200, b"pq", None),
    ("[204, {}, []]", 204, b"", None),
])
def test_what_handlers_return(ruby, body, status, wanted, kind):
    answer = handler(ruby, body).call()
    assert (answer.status, answer.body) == (status, wanted)
    assert kind is None or answer.headers["Content-Type"] == kind


@pytest.mark.parametrize("body, message", [
    ("raise ArgumentError, 'secret'", "secret (ArgumentError)"),
    ("exit 3", "exit (SystemExit)"),
    ("3", "this one returned Integer"),
    ("[1, 2]", "this one has 2 elements"),
    ("[99, {}, []]", "99 is no HTTP status"),
    ("undefined_one", "undefined local variable or method `undefined_one'"),
])
def test_failures_answer_500_and_are_logged_with_the_request_id(ruby, body, message):
    runtime = handler(ruby, body)
    answer = runtime.call(headers={"X-Request-Id": "f-1"})
    assert answer.status == 500 and "secret" not in answer.text and "request id f-1" in answer.text
    assert runtime.wait_for_message(message)["request_id"] == "f-1"
    assert runtime.call().status == 500


def test_context(ruby):
    runtime = handler(ruby, """
  r = context.request
  { method: r.request_method, path: r.path, params: context.params, thing: r.headers['x-thing'], type: r.headers['content-type'] }""")
    seen = runtime.call("POST", "/a%20b?x=1&y[]=2", "f=ü".encode(), {"Content-Type": "application/x-www-form-urlencoded", "X-Thing": "t",
                                                                   "X-Fission-Params-Id": "7"}).json
    assert seen == {"method": "POST", "path": "/a%20b", "params": {"x": "1", "y": ["2"], "f": "ü", "id": "7"}, "thing": "t",
                    "type": "application/x-www-form-urlencoded"}


APP = "class App\n  def self.call(env) = [200, {}, [\"app #{env['PATH_INFO']}\"]]\nend\n"


@pytest.mark.parametrize("files, entry, wanted", [
    ({"a.rb": "def other = 'other'\n", "b.rb": "def handler = 'no argument'\n"}, "", "no argument"),
    ({"a.rb": "def other(context) = context.request.path\n"}, "other", "/x"),
    ({"app.rb": APP}, "App", "app /x"),
    ({"app.rb": "module My\n  class App\n    def call(env) = [200, {}, ['instance']]\n  end\nend\n"}, "My::App", "instance"),
    ({"config.ru": "require_relative 'app'\nuse Rack::ContentLength\nrun App\n", "app.rb": APP}, "", "app /x"),
    ({"config.ru": "run ->(env) { [200, {}, ['ru']] }\n", "a.rb": "def handler = 'a'\n"}, "config.ru", "ru"),
    ({"config.ru": "run ->(env) { [200, {}, ['ru']] }\n", "a.rb": "def handler = 'a'\n"}, "handler", "a"),
    ({"a.rb": "require 'helper'\ndef handler = Helper::TEXT\n", "lib/helper.rb": "module Helper\n  TEXT = 'lib'\nend\n"}, "", "lib"),
    ({"a.rb": "def handler = 'a'\n", "vendor/bundle/x.rb": "raise 'loaded'\n"}, "", "a"),
])
def test_entry_points(ruby, files, entry, wanted):
    assert ruby().load(files, entry).call("GET", "/x").text == wanted


@pytest.mark.parametrize("files, entry, wanted", [
    ({"handler.rb": "def handler(\n"}, "", ["handler.rb:1: syntax error"]),
    ({"handler.rb": "require 'nothing_like_it'\n"}, "", ["handler.rb:1:in", "cannot load such file -- nothing_like_it (LoadError)"]),
    ({"handler.rb": "def f\n  raise 'at load'\nend\nf\n"}, "", ["handler.rb:2:in `f'", "at load (RuntimeError)", "from", "handler.rb:4:in"]),
    ({"handler.rb": "exit 3\n"}, "", ["exit (SystemExit)"]),
    ({"handler.rb": "def other = 1\n"}, "", ["the code has no method handler; it has: other"]),
    ({"handler.rb": "def handler(a, b) = 1\n"}, "", ["takes 2 arguments"]),
    ({"handler.rb": "A = 3\n"}, "A", ["A is a Integer, not a Rack application"]),
    ({"handler.rb": ""}, "Gone", ["the code has no constant Gone"]),
    ({"handler.rb": ""}, "config.ru", ["the package has no config.ru"]),
    ({"handler.rb": ""}, "a b", ["functionName \"a b\" must be a method"]),
    ({"readme.txt": ""}, "", ["the package has no .rb file; it has: readme.txt"]),
    ({"config.ru": "run 1 +\n"}, "", ["config.ru:", "syntax error"]),
])
def test_load_errors_are_rubys_own(ruby, files, entry, wanted):
    runtime = ruby()
    answer = runtime.specialize(runtime.code(files), entry)
    assert answer.status == 500
    for part in wanted:
        assert part in answer.text
    assert "hearth_env" not in answer.text


def test_every_way_to_write_becomes_a_record(ruby):
    runtime = handler(ruby, """
  puts 'puts', 'two'
  print 'no end'
  STDOUT.puts ' constant'
  $stderr.puts 'to err'
  STDERR << "shifted\\n"
  warn 'warned'
  Logger.new($stdout, formatter: ->(s, _, _, m) { "#{s} #{m}\\n" }).info('logged')
  context.logger.warn('by context')
  $stdout.write("bytes \\xC3\\xBC\\n".b)
  $stdout.flush
  ''""", "puts 'while loading'")
    runtime.call(headers={"X-Request-Id": "r7"})
    runtime.wait_for_message("bytes ü")
    assert runtime.wait_for_message("while loading")["request_id"] == ""
    seen = {(r["stream"], r["message"]) for r in runtime.records() if r["request_id"] == "r7"}
    assert seen >= {("out", "puts"), ("out", "two"), ("out", "no end constant"), ("err", "to err"), ("err", "shifted"), ("err", "warned"),
                    ("out", "INFO logged"), ("err", "WARN by context"), ("out", "bytes ü")}


def test_an_unfinished_line_is_written_when_the_request_ends(ruby):
    runtime = handler(ruby, "  print 'half'\n  ''")
    runtime.call(headers={"X-Request-Id": "h"})
    assert runtime.wait_for_message("half")["request_id"] == "h"


def test_concurrent_requests_keep_their_ids(ruby):
    runtime = handler(ruby, """
  n = context.params['n']
  puts "start of #{n}"
  LOCK.synchronize { ARRIVED << n; ARRIVED.size == 10 ? ALL.broadcast : (ALL.wait(LOCK, 20) until ARRIVED.size >= 10) }
  5.times { print 'half '; Thread.pass; puts "line of #{n}" }
  ''""", "LOCK = Mutex.new\nALL = ConditionVariable.new\nARRIVED = []\n")
    threads = [threading.Thread(target=runtime.call, args=("GET", f"/?n={n}", None, {"X-Request-Id": f"id-{n}"})) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    runtime.wait_for(lambda r: sum("line of" in m["message"] for m in r.records()) == 50, "50 lines")
    for record in runtime.records():
        assert record["request_id"] == f"id-{record['message'].rsplit(' ', 1)[1]}", record


def test_failure_in_the_middle_of_an_answer_cuts_it(ruby):
    runtime = handler(ruby, "  Enumerator.new { |out| out << 'part'; raise 'late' }")
    connection = runtime.connect()
    connection.request("GET", "/", headers={"X-Request-Id": "s1"})
    response = connection.getresponse()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    assert runtime.wait_for_message("late (RuntimeError)")["request_id"] == "s1"


def test_a_function_may_take_the_connection_for_a_websocket(ruby):
    runtime = handler(ruby, """
  key = context.env['HTTP_SEC_WEBSOCKET_KEY']
  accept = [Digest::SHA1.digest(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11')].pack('m0')
  io = context.env['rack.hijack'].call
  io.write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: #{accept}\\r\\n\\r\\n")
  Thread.new { io.write(io.readpartial(100).upcase); io.close }
  nil""", "require 'digest'")
    key = base64.b64encode(os.urandom(16)).decode()
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(30)
        caller.connect(runtime.address[5:])
        caller.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        head = caller.recv(4096).decode()
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        assert head.startswith("HTTP/1.1 101 ") and accept in head
        caller.sendall(b"frames")
        assert caller.recv(100) == b"FRAMES"


def test_platform_paths_belong_to_the_function_when_the_gateway_passes_them_on(ruby):
    runtime = handler(ruby, "  'function ' + context.request.path")
    through_gateway = {"X-Fission-Function-Name": "f"}
    assert runtime.call("GET", "/healthz", headers=through_gateway).text == "function /healthz"
    assert runtime.call("POST", "/v2/specialize", b"{}", through_gateway).text == "function /v2/specialize"
    assert runtime.call("GET", "/healthz").text == "ok\n"


def test_large_bodies_find_a_folder_where_everybody_may_write_to_tmp(ruby, tmp_path):
    """As in a pod, whose /tmp has no sticky bit."""
    tmp_path.chmod(0o777)
    instance = ruby(env={"TMPDIR": str(tmp_path)}).load({
        "handler.rb": "require 'tempfile'\ndef handler(context)\n"
                      "  Tempfile.create('own') { |file| \"#{context.request.body.read.bytesize} #{File.dirname(file.path)}\" }\nend\n"})
    answer = instance.call("POST", "/", b"x" * 2_000_000)
    assert answer.text == f"2000000 {tmp_path}/ruby-{os.getuid()}"
