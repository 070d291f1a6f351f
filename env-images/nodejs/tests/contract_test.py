"""Fission's environment contract, entry points and load errors of the Node.js environment."""

import pathlib

import pytest

HELLO = "module.exports = async () => ({status: 200, body: 'one'})"


def test_generic_instance_answers_health_and_nothing_else(node):
    runtime = node()
    assert runtime.call("GET", "/healthz").status == 200
    answer = runtime.call("GET", "/hello")
    assert (answer.status, answer.text) == (500, "Generic container: no requests supported\n")


def test_second_specialize_is_refused_and_the_function_stays(node):
    runtime = node().load({"index.js": HELLO})
    answer = runtime.specialize(runtime.code({"index.js": HELLO.replace("one", "two")}))
    assert answer.status == 400 and "Not a generic container" in answer.text
    assert runtime.call().text == "one"


@pytest.mark.parametrize("body, text", [
    (b"{", "the body is not JSON"),
    (b"[]", "must be a JSON object"),
    (b"", "the body is not JSON"),
    (b"{}", "filepath must be the path of the code"),
    (b'{"filepath": "/x", "functionName": 7}', "functionName must be a text"),
    (b'{"filepath": "/x", "env": {"A": 1}}', "env must be an object of texts"),
])
def test_bad_orders_are_named(node, body, text):
    answer = node().call("POST", "/v2/specialize", body)
    assert answer.status == 400 and text in answer.text


@pytest.mark.parametrize("files, entry, wanted", [
    ({"index.js": "module.exports = async () => { let x = ; }"}, "", ["SyntaxError", "index.js:1", "^"]),
    ({"index.mjs": "export default () => { let x = ; }"}, "", ["SyntaxError", "index.mjs:1", "^"]),
    ({"index.js": "export default () => {{ }"}, "", ["SyntaxError", "index.js:1"]),
    ({"index.js": "require('nothing-like-it')"}, "", ["Cannot find module 'nothing-like-it'"]),
    ({"index.mjs": "import x from 'nothing-like-it'"}, "", ["Cannot find package 'nothing-like-it'"]),
    ({"index.js": "function f() { throw new Error('at load') }\nf()"}, "", ["Error: at load", "index.js:2:1"]),
    ({"index.js": "throw 'text'"}, "", ["the module threw text"]),
    ({"index.js": "module.exports = {a: 1}"}, "", ["no function as its default export", "it exports: a"]),
    ({"index.js": "exports.x = () => 1"}, "index.y", ["index.js has no function y; it exports: x"]),
    ({"a.js": HELLO, "b.js": HELLO}, "", ["no entry point was named", "a.js, b.js"]),
    ({"a.js": HELLO}, "gone.f", ["has no file for the entry point gone.f"]),
    ({"index.js": "require('./lib')", "lib.js": "let a = ;"}, "", ["SyntaxError", "lib.js:1"]),
])
def test_load_errors_come_back_with_the_trace_as_text(node, files, entry, wanted):
    runtime = node()
    answer = runtime.specialize(runtime.code(files), entry)
    assert answer.status == 500
    assert answer.headers["Content-Type"].startswith("text/plain")
    for part in wanted:
        assert part in answer.text
    assert "nodejs/lib" not in answer.text


def test_missing_code_is_a_load_error(node):
    answer = node().specialize("/nowhere/code")
    assert (answer.status, answer.text) == (500, "there is no file or folder /nowhere/code\n")


@pytest.mark.parametrize("files, entry, wanted", [
    ({"hello.js": HELLO}, "", "one"),
    ({"hello.js": HELLO}, "hello", "one"),
    ({"hello.js": HELLO}, "hello.js", "one"),
    ({"a.js": "", "b.js": "exports.run = async () => ({body: 'b'})"}, "b.run", "b"),
    ({"a.js": "", "index.js": HELLO}, "", "one"),
    ({"a.js": "", "main.js": HELLO}, "", "one"),
    ({"a.js": "", "start.js": HELLO, "package.json": '{"main": "start.js"}'}, "", "one"),
    ({"src/deep.js": "exports.f = () => ({body: 'deep'})"}, "src/deep.f", "deep"),
    ({"index.mjs": "export default async () => ({status: 200, body: 'esm'})"}, "", "esm"),
    ({"index.js": "export default async () => ({status: 200, body: 'esm'})", "package.json": '{"type": "module"}'}, "", "esm"),
    ({"index.js": "import os from 'node:os';\nexport default () => ({body: 'guessed ' + typeof os})"}, "", "guessed object"),
    ({"index.js": "import {x} from './x.js';\nexport const f = () => ({body: x})", "x.js": "export const x = 'named'"}, "index.f", "named"),
    ({"index.mjs": "const x = await Promise.resolve('awaited');\nexport default () => ({body: x})"}, "", "awaited"),
    ({"index.cjs": HELLO}, "", "one"),
    ({"index.js": "exports.default = () => ({body: 'transpiled'})"}, "", "transpiled"),
    ({"index.js": "const d = require('dep'); module.exports = () => ({body: d})",
      "node_modules/dep/index.js": "module.exports = 'dependency'"}, "", "dependency"),
    ({"index.js": "module.exports = () => ({body: require('fs').readFileSync('data.txt', 'utf8')})", "data.txt": "beside"}, "", "beside"),
])
def test_entry_points(node, files, entry, wanted):
    answer = node().load(files, entry).call()
    assert (answer.status, answer.text) == (200, wanted)


@pytest.mark.parametrize("code", [HELLO, "export default async () => ({status: 200, body: 'one'})"])
@pytest.mark.parametrize("entry", ["", "whatever"])
def test_single_file_without_extension(node, code, entry):
    runtime = node()
    path = pathlib.Path(runtime.code({"deployarchive": code})) / "deployarchive"
    assert runtime.specialize(path, entry).status == 202
    assert runtime.call().text == "one"


def test_platform_paths_belong_to_the_function_when_the_gateway_passes_them_on(node):
    runtime = node().load({"index.js": "module.exports = async (c) => ({body: c.request.path})"})
    through_gateway = {"X-Fission-Function-Name": "f"}
    assert runtime.call("GET", "/healthz", headers=through_gateway).text == "/healthz"
    assert runtime.call("POST", "/v2/specialize", b"{}", through_gateway).text == "/v2/specialize"
    assert runtime.call("GET", "/healthz").text == "ok\n"


def test_env_is_set_before_the_code_loads(node):
    code = "const seen = process.env.GREETING; module.exports = async () => ({body: seen})"
    assert node().load({"index.js": code}, env={"GREETING": "grüß dich"}).call().text == "grüß dich"


def test_listens_on_tcp(node):
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert node(listen=f"tcp:127.0.0.1:{port}").load({"index.js": HELLO}).call().text == "one"
