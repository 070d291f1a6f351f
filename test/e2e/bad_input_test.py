"""Bad YAML, JSON, archives, headers, paths and tokens: status and text of each."""

import io
import json
import re
import socket
import tarfile
import zipfile

import pytest

import documents

FN = "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: x}\n"


@pytest.mark.parametrize("content_type, body, status, parts", [
    ("application/yaml", "a: [1, 2", 422, ["line"]),
    ("application/yaml", "kind: Function\n\tbad: tab", 422, ["line"]),
    ("application/yaml", FN + "spec: &a {environment: {name: e}}\nx: *a\n", 422, ["alias"]),
    ("application/yaml", FN + "spec: {concurrency: 1, concurrency: 2}\n", 422, ["concurrency", "twice"]),
    ("application/yaml", FN + "spec: {concurrency: .inf}\n", 422, ["concurrency"]),
    ("application/yaml", FN + "spec: {concurency: 1}\n", 422, ["concurency", "concurrency"]),
    ("application/yaml", FN + "spec: {concurrency: many}\n", 422, ["concurrency"]),
    ("application/yaml", "apiVersion: hearth/v1\nkind: Funktion\nmetadata: {name: x}\n", 422, ["Funktion", "Function"]),
    ("application/yaml", "apiVersion: hearth/v9\nkind: Function\nmetadata: {name: x}\n", 422, ["hearth/v9"]),
    ("application/yaml", "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: UPPER}\n", 422, ["metadata.name", "lower-case"]),
    ("application/yaml", "just text", 422, []),
    ("application/json", "{", 422, []),
    ("application/json", '{"a": NaN}', 422, []),
    ("application/json", '{"apiVersion": "hearth/v1", "kind": "Function", "kind": "Package"}', 422, ["kind"]),
    ("application/json", '[1, 2]', 422, []),
    ("application/json", b'{"apiVersion": "\xff"}', 422, []),
    ("image/png", "x", 415, []),
])
def test_bad_documents(shared, content_type, body, status, parts):
    answer = shared.api("POST", "/api/v1/apply", body, content_type)
    assert answer.status in (status, 400), answer
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json
    for key in ("type", "title", "status", "detail", "requestId"):
        assert key in problem, problem
    for part in parts:
        assert part in answer.text, answer


def test_all_faults_of_a_file_come_at_once_with_their_places(shared):
    text = FN + "spec:\n  concurency: 1\n  functionTimeout: soon\n  environment: {}\n"
    answer = shared.api("POST", "/api/v1/apply?file=f.yaml", text)
    assert answer.status == 422
    errors = answer.json["errors"]
    assert len(errors) >= 3, errors
    assert any(e["line"] == 5 and "concurency" in e["path"] + e["message"] for e in errors), errors
    assert any(e["line"] == 6 and "functionTimeout" in e["path"] for e in errors), errors
    assert {e["file"] for e in errors} == {"f.yaml"}


@pytest.mark.parametrize("escape", [r"\_", r"\N", r"\L", r"\P", r"\e", r"\x85", r"\xA0", r"\uFFFE", r"\0"])
def test_every_escape_of_yaml_is_stored_or_refused(daemons, escape):
    daemon = daemons().start()
    text = "apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: escaped}\n" \
        f'spec: {{version: 3, runtime: {{image: hearth/python-env, local: {{env: {{V: "a{escape}b"}}}}}}}}\n'
    answer = daemon.api("POST", "/api/v1/apply", text)
    assert answer.status in (200, 400, 422), answer
    assert daemon.process.poll() is None
    assert daemon.terminate() == 0
    daemon.start()
    read = daemon.api("GET", "/api/v1/namespaces/default/environments/escaped")
    assert read.status == (200 if answer.status == 200 else 404)
    if read.status == 200:
        assert read.json["spec"]["runtime"]["local"]["env"]["V"][0] == "a"


def zip_with(names, size=1):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"\0" * size)
    return buffer.getvalue()


def tar_with(member):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(member)
    return buffer.getvalue()


def link(name, target, kind=tarfile.SYMTYPE):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def device():
    member = tarfile.TarInfo("dev")
    member.type = tarfile.CHRTYPE
    return member


@pytest.mark.parametrize("blob, parts", [
    (zip_with(["../escape.py"]), [".."]),
    (zip_with(["/etc/escape.py"]), ["escape.py"]),
    (tar_with(link("main.py", "/etc/passwd")), ["main.py", "link"]),
    (tar_with(link("main.py", "x", tarfile.LNKTYPE)), ["main.py", "link"]),
    (tar_with(device()), ["dev"]),
    (zip_with(["bomb.py"], 1 << 30), ["bomb"]),
    (zip_with(["main.py"])[:-30], []),
], ids=["dotdot", "absolute", "symlink", "hardlink", "device", "bomb", "torn"])
def test_bad_archives_are_refused_before_they_serve(shared, blob, parts):
    up = shared.api("POST", "/api/v1/archives", blob, "application/octet-stream", timeout=120)
    assert up.status == 201, up
    docs = documents.whole("bad-archive", "")
    docs[1]["spec"]["deployment"] = {"type": "url", "url": "archive://" + up.json["digest"]}
    answer = shared.api("POST", "/api/v1/apply?verify=true", docs, timeout=120)
    if answer.status == 200:
        answer = shared.call("/bad-archive", timeout=120)
        shared.api("DELETE", "/api/v1/namespaces/default/functions/bad-archive")
    assert answer.status in (400, 422, 502), answer
    for part in parts:
        assert part in answer.text, answer
    import os
    assert not os.path.exists("/etc/escape.py")


def raw(address, data):
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 30) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        out = b""
        while chunk := connection.recv(65536):
            out += chunk
        return out


@pytest.mark.parametrize("head, statuses", [
    (b"GET / HTTP/1.1\r\n\r\n", {400}),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", {400}),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", {400}),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", {400}),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", {400}),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", {400}),
    (b"GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", {400}),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX\x00Y: 1\r\n\r\n", {400}),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", {400}),
    (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    (b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    (b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", {400, 404}),
    (b"GET / HTTP/3.7\r\nHost: a\r\n\r\n", {400, 505}),
    (b"G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}),
    (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", {400, 414, 431}),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"b" * 1000000 + b"\r\n\r\n", {400, 431}),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 20000 + b"\r\n", {400, 431}),
])
def test_bad_requests_are_refused_on_both_listeners(shared, head, statuses):
    for address in (shared.gateway, shared.api_address):
        answer = raw(address, head)
        assert answer.startswith(b"HTTP/1.1 "), answer[:200]
        assert int(answer[9:12]) in statuses, answer[:300]
        assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answer)) == 1, answer
    assert shared.api("GET", "/healthz", token=None).status == 200


def test_a_function_cannot_split_or_spoil_the_answer(shared):
    code = """
from flask import Response
class Bad(Response):
    pass
def main():
    r = Response("x")
    r.headers._list.append(("X-Bad", "a\\r\\nSet-Cookie: stolen=1"))
    return r
"""
    shared.apply(documents.whole("splits", code))
    answer = shared.call("/splits")
    assert "stolen=1" not in str(answer.headers.get("Set-Cookie"))


@pytest.mark.parametrize("token, status", [(None, 401), ("wrong", 401), ("admin' or 1=1", 401), ("x" * 5000, 401)])
def test_bad_tokens(shared, token, status):
    answer = shared.api("GET", "/api/v1/functions", token=token)
    assert answer.status == status
    assert "WWW-Authenticate" in answer.headers
    if token:
        assert token not in answer.text


def test_roles_and_namespaces_of_tokens(shared):
    def make(name, role, namespace="default", **spec):
        answer = shared.api("POST", f"/api/v1/namespaces/{namespace}/apitokens",
                            {"apiVersion": "hearth/v1", "kind": "ApiToken", "metadata": {"name": name}, "spec": {"role": role, **spec}})
        assert answer.status == 201, answer
        return answer.json["token"]

    shared.apply(documents.whole("guarded", "def main(): return 'ok'"))
    view, call, deploy = make("t-view", "view"), make("t-call", "call"), make("t-deploy", "deploy")
    other = make("t-other", "deploy", "elsewhere")
    read, run = "/api/v1/namespaces/default/functions/guarded", "/api/v1/namespaces/default/functions/guarded/call"
    env = documents.environment("guarded-env")
    base = "/api/v1/namespaces/default/environments"
    assert shared.api("GET", read, token=view).status == 200
    assert shared.api("GET", run, token=view).status == 403
    assert shared.api("GET", run, token=call).text == "ok"
    assert shared.api("POST", base, env, token=call).status == 403
    assert shared.api("POST", base, env, token=deploy).status == 201
    assert shared.api("GET", "/api/v1/namespaces/default/apitokens", token=deploy).status == 403
    assert shared.api("GET", read, token=other).status == 404
    assert shared.api("DELETE", read, token=other).status in (403, 404)
    assert shared.api("GET", "/api/v1/functions", token=other).json["items"] == []
    for token in (view, call, deploy, other):
        assert token not in shared.api("GET", "/api/v1/apitokens").text
        assert token not in shared.log()
    assert shared.api("DELETE", "/api/v1/namespaces/default/apitokens/t-view").status == 200
    assert shared.api("GET", read, token=view).status == 401


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/api/v1/nonsense", 404),
    ("GET", "/api/v2/functions", 404),
    ("GET", "/api/v1/namespaces/default/functions/none", 404),
    ("DELETE", "/api/v1/namespaces/default/functions/none", 404),
    ("POST", "/api/v1/version", 405),
    ("PUT", "/api/v1/functions", 405),
    ("GET", "/api/v1/functions?limit=many", 400),
    ("GET", "/api/v1/functions?limit=-1", 400),
    ("GET", "/api/v1/functions?continue=%21%21", 400),
    ("GET", "/api/v1/functions?labelSelector=%3D%3D", 400),
    ("GET", "/api/v1/watch?since=x", 400),
    ("GET", "/api/v1/archives/nothex", 400),
    ("GET", "/api/v1/archives/" + "0" * 64, 404),
    ("GET", "/api/v1/namespaces/default/functions/%2e%2e", 404),
])
def test_bad_paths_and_parameters(shared, method, path, status):
    answer = shared.api(method, path)
    assert answer.status in (status, 404 if status == 400 and "archives" in path else status), answer
    problem = answer.json
    assert problem["status"] == answer.status and problem["detail"] and problem["requestId"] == answer.headers["X-Request-Id"]


def test_gateway_misses_are_problems_with_the_request_id(shared):
    answer = shared.call("/no/such/route", headers={"X-Request-Id": "miss-1"})
    assert answer.status == 404
    assert json.loads(answer.text)["requestId"] == "miss-1"
    shared.apply(documents.whole("only-get", "def main(): return ''", url="/only-get"))
    answer = shared.call("/only-get", "DELETE")
    assert answer.status == 405 and "GET" in answer.headers["Allow"]
