"""Whole express applications as functions, ES modules, and that the rehearsal leaves nothing behind."""

import pathlib

import pytest

import environment_under_test as eut

ESM = pathlib.Path(__file__).parent / "esm"

APP = """
const express = require('express');
const app = express();
app.disable('x-powered-by');
app.use(express.json());
app.get('/users/:id', (req, res) => { console.log('user', req.params.id); res.json({id: req.params.id, q: req.query.q}) });
app.post('/users', (req, res) => res.status(201).send(req.body));
app.post('/raw', async (req, res) => { let n = 0; for await (const c of req) n += c.length; res.send(String(n)) });
app.get('/fails', () => { throw new Error('of the route') });
app.get('/refused', (req, res, next) => next(Object.assign(new Error('too hot'), {status: 418})));
"""


@pytest.fixture
def with_express(node):
    """Loads code that finds the environment's own express, as it would its own in node_modules."""
    def load(code, entry=""):
        runtime = node()
        folder = pathlib.Path(runtime.code({"index.js": code}))
        (folder / "node_modules").symlink_to(eut.ROOT / "nodejs/node_modules")
        return runtime.load_folder(folder, entry)
    return load


@pytest.mark.parametrize("export, entry", [
    ("module.exports = app;", ""), ("exports.app = app;", ""), ("exports.other = app;", "index.other"),
    ("const router = express.Router(); router.use('/', app); module.exports = router;", ""),
])
def test_an_express_application_answers_by_itself(with_express, export, entry):
    runtime = with_express(APP + export, entry)
    answer = runtime.call("GET", "/users/7?q=x", headers={"X-Request-Id": "e-1"})
    assert (answer.status, answer.json) == (200, {"id": "7", "q": "x"})
    assert runtime.wait_for_message("user 7")["request_id"] == "e-1"
    answer = runtime.call("POST", "/users", b'{"name": "gr\xc3\xbc"}', {"Content-Type": "application/json"})
    assert (answer.status, answer.json) == (201, {"name": "grü"})
    assert runtime.call("POST", "/raw", b"x" * 100_000, {"Content-Type": "application/octet-stream"}).text == "100000"
    assert runtime.call("GET", "/nowhere").status == 404


def test_failures_of_an_application(with_express):
    runtime = with_express(APP + "module.exports = app;")
    answer = runtime.call("GET", "/fails", headers={"X-Request-Id": "e-2"})
    assert answer.status == 500 and "of the route" not in answer.text
    assert runtime.wait_for_message("Error: of the route")["request_id"] == "e-2"
    assert runtime.call("GET", "/refused").status == 418


def test_a_router_alone_answers_404_and_500(with_express):
    runtime = with_express("const r = require('express').Router(); r.get('/', (q, s) => s.send('root')); "
                           "r.get('/fails', () => { throw new TypeError('inside') }); module.exports = r;")
    assert runtime.call("GET", "/").text == "root"
    assert (runtime.call("GET", "/gone").status, runtime.call("GET", "/gone").text) == (404, "Cannot GET /gone\n")
    answer = runtime.call("GET", "/fails", headers={"X-Request-Id": "e-3"})
    assert answer.text == "The function failed: TypeError. Its log has the trace, request id e-3.\n"
    assert runtime.wait_for_message("TypeError: inside")["request_id"] == "e-3"


@pytest.mark.parametrize("entry", ["", "index", "index.handler"])
def test_es_modules_do_what_the_conformance_function_does(node, entry):
    runtime = node().load_folder(ESM, entry)
    assert runtime.call("GET", "/hello").text == "hello\n"
    for method in ("POST", "PATCH", "DELETE"):
        answer = runtime.call(method, "/echo", bytes(range(256)), {"Content-Type": "image/x-own"})
        assert (answer.body, answer.headers["X-Method"], answer.headers["Content-Type"]) == (bytes(range(256)), method, "image/x-own")


def test_a_generator_and_a_fetch_response(node):
    runtime = node().load({"index.js": """
module.exports = async ({request}) => request.path === '/fetch'
  ? new Response('fetched', {status: 203, headers: {'X-A': 'b'}})
  : {body: (function* () { yield 'one,'; yield 'two'; })()};
"""})
    assert runtime.call().text == "one,two"
    answer = runtime.call("GET", "/fetch")
    assert (answer.status, answer.text, answer.headers["X-A"]) == (203, "fetched", "b")


def test_the_rehearsal_leaves_nothing_behind(node):
    runtime = node()
    assert not list((runtime.folder / "tmp").iterdir()), "its socket's folder is gone"
    assert not runtime.records() and not runtime.plain("err"), "it logs nothing"
    runtime.load({"index.js": "module.exports = async () => ({body: {cache: Object.keys(require.cache), cwd: process.cwd()}})"})
    seen = runtime.call().json
    assert not [file for file in seen["cache"] if "rehearsed" in file]
    assert seen["cwd"].startswith(str(runtime.folder))


def test_a_failing_rehearsal_is_told_and_harms_nothing(node):
    runtime = node(env={"TMPDIR": "/nowhere/at/all"})
    assert "its rehearsal failed" in runtime.wait_for_message("rehearsal")["message"]
    assert runtime.load({"index.js": "module.exports = () => 'served'"}).call().text == "served"
