"""The same over plain REST: curl and one YAML document that carries the code."""

import json
import subprocess

import documents

ONE_FILE = """
apiVersion: hearth/v1
kind: Environment
metadata: {name: curl-py}
spec: {version: 3, runtime: {image: hearth/python-env}, poolsize: 1}
---
apiVersion: hearth/v1
kind: Package
metadata: {name: curl-hello}
spec:
  environment: {name: curl-py}
  deployment:
    type: literal
    files:
      main.py: |
        from flask import request
        from words import GREETING
        def main():
            return f"{GREETING}, {request.args.get('name', 'world')}!"
      words.py: GREETING = "Hello"
---
apiVersion: hearth/v1
kind: Function
metadata: {name: curl-hello}
spec:
  environment: {name: curl-py}
  package: {functionName: main.main, packageref: {name: curl-hello}}
---
apiVersion: hearth/v1
kind: HTTPTrigger
metadata: {name: curl-hello}
spec: {relativeurl: /curl/hello, methods: [GET], functionref: {type: name, name: curl-hello}}
"""


def curl(*arguments, stdin=None):
    return subprocess.run(["curl", "-sS", *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=True).stdout


def test_curl_and_one_yaml_document(shared):
    answer = json.loads(curl("-X", "POST", f"http://{shared.api_address}/api/v1/apply", "-H", f"Authorization: Bearer {shared.token}",
                             "-H", "Content-Type: application/yaml", "--data-binary", "@-", stdin=ONE_FILE))
    assert [r["action"] for r in answer["results"]] == ["created"] * 4, answer
    assert answer["urls"] == [f"http://{shared.gateway}/curl/hello"]
    assert curl(answer["urls"][0] + "?name=curl") == "Hello, curl!"


def test_create_read_change_delete(shared):
    base = "/api/v1/namespaces/default/environments"
    created = shared.api("POST", base, documents.environment("crud"))
    assert created.status == 201, created
    assert created.headers["Location"].endswith(f"{base}/crud")
    assert shared.api("POST", base, documents.environment("crud")).status == 409
    read = shared.api("GET", f"{base}/crud")
    assert read.headers["ETag"] == f'"{read.json["metadata"]["resourceVersion"]}"'
    patched = shared.api("PATCH", f"{base}/crud", {"spec": {"poolsize": 2}}, "application/merge-patch+json")
    assert patched.status == 200 and patched.json["spec"]["poolsize"] == 2
    stale = shared.api("PUT", f"{base}/crud", read.json)
    assert stale.status == 409, stale
    missed = shared.api("PATCH", f"{base}/crud", {"spec": {"poolsize": 3}}, "application/merge-patch+json",
                        headers={"If-Match": read.headers["ETag"]})
    assert missed.status == 412, missed
    fresh = shared.api("GET", f"{base}/crud").json
    fresh["spec"]["poolsize"] = 4
    assert shared.api("PUT", f"{base}/crud", fresh).status == 200
    assert shared.api("DELETE", f"{base}/crud").status == 200
    assert shared.api("GET", f"{base}/crud").status == 404


def test_apply_is_all_or_nothing(shared):
    good = documents.environment("half-good")
    bad = documents.function("half-bad", env="half-good")
    bad["spec"]["concurrency"] = -5
    answer = shared.api("POST", "/api/v1/apply", [good, bad])
    assert answer.status == 422, answer
    assert any(e["path"] == "spec.concurrency" for e in answer.json["errors"]), answer
    assert shared.api("GET", "/api/v1/namespaces/default/environments/half-good").status == 404


def test_dry_run_writes_nothing_and_prune_removes_what_is_gone(shared):
    first, second = documents.environment("set-a"), documents.environment("set-b")
    dry = shared.apply([first], "?dryRun=true")
    assert dry["results"][0]["action"] == "created"
    assert shared.api("GET", "/api/v1/namespaces/default/environments/set-a").status == 404
    shared.apply([first, second], "?set=pair")
    pruned = shared.apply([first], "?set=pair&prune=true")
    assert {(r["name"], r["action"]) for r in pruned["results"]} == {("set-a", "unchanged"), ("set-b", "pruned")}
    assert shared.api("GET", "/api/v1/namespaces/default/environments/set-b").status == 404


def test_deleting_a_function_takes_its_package_and_routes_along(shared):
    shared.apply(documents.whole("goes", "def main(): return 'here'"))
    assert shared.call("/goes").text == "here"
    refused = shared.api("DELETE", "/api/v1/namespaces/default/environments/python")
    assert refused.status == 409 and "goes" in refused.text
    deleted = shared.api("DELETE", "/api/v1/namespaces/default/functions/goes")
    assert {(d["kind"], d["name"]) for d in deleted.json["deleted"]} == \
        {("Function", "goes"), ("Package", "goes"), ("HTTPTrigger", "goes")}
    assert shared.call("/goes").status == 404


def test_lists_page_and_select(shared):
    shared.apply([documents.environment(f"page-{n}") | {"metadata": {"name": f"page-{n}", "labels": {"of": "pages", "odd": str(n % 2)}}}
                  for n in range(5)])
    seen, token = [], ""
    while True:
        answer = shared.api("GET", f"/api/v1/namespaces/default/environments?labelSelector=of=pages&limit=2{token}").json
        assert len(answer["items"]) <= 2
        seen += [i["metadata"]["name"] for i in answer["items"]]
        if not answer["metadata"].get("continue"):
            break
        token = "&continue=" + answer["metadata"]["continue"]
    assert seen == [f"page-{n}" for n in range(5)]
    odd = shared.api("GET", "/api/v1/environments?labelSelector=of=pages,odd!=0").json["items"]
    assert [i["metadata"]["name"] for i in odd] == ["page-1", "page-3"]


def test_watch_replays_and_follows(shared):
    import http.client
    revision = shared.api("GET", "/api/v1/environments").json["metadata"]["revision"]
    shared.apply([documents.environment("watched")])
    connection = http.client.HTTPConnection(shared.api_address, timeout=60)
    connection.request("GET", f"/api/v1/watch?since={revision}&kinds=environments", headers={"Authorization": "Bearer " + shared.token})
    stream = connection.getresponse()
    assert stream.status == 200
    first = json.loads(stream.readline())
    assert (first["type"], first["object"]["metadata"]["name"]) == ("added", "watched")
    shared.api("DELETE", "/api/v1/namespaces/default/environments/watched")
    event = json.loads(stream.readline())
    while event["type"] == "bookmark":
        event = json.loads(stream.readline())
    assert event["type"] == "removed"
    connection.close()


def test_archives_go_up_come_down_and_are_collected(shared):
    import hashlib
    blob = b"PK" + bytes(range(256)) * 100
    digest = hashlib.sha256(blob).hexdigest()
    up = shared.api("POST", "/api/v1/archives", blob, "application/octet-stream")
    assert (up.status, up.json["digest"], up.json["bytes"]) == (201, digest, len(blob)), up
    assert shared.api("GET", f"/api/v1/archives/{digest}").body == blob
    wrong = shared.api("POST", f"/api/v1/archives?digest={'0' * 64}", blob, "application/octet-stream")
    assert wrong.status in (400, 422) and digest in wrong.text
    assert shared.api("DELETE", f"/api/v1/archives/{digest}").status == 200
    assert shared.api("GET", f"/api/v1/archives/{digest}").status == 404
    shared.apply(documents.whole("keeps-archive", "def main(): return 'kept'"))
    stored = shared.api("GET", "/api/v1/namespaces/default/packages/keeps-archive").json["spec"]["deployment"]
    held = stored["url"].removeprefix("archive://")
    refused = shared.api("DELETE", f"/api/v1/archives/{held}")
    assert refused.status == 409 and "keeps-archive" in refused.text


def test_the_api_token_does_not_reach_the_function(shared):
    shared.apply(documents.whole("curious", "from flask import request\n"
                                 "def main(): return request.headers.get('Authorization', 'none')", url="/curious"))
    assert shared.api("GET", "/api/v1/namespaces/default/functions/curious/call").text == "none"
    assert shared.api("GET", "/fission-function/curious").text == "none"
    # On the gateway the header is the caller's own business with the function.
    assert shared.call("/curious", headers={"Authorization": "Bearer mine"}).text == "Bearer mine"


def test_code_view_describe_and_call(shared):
    shared.apply(documents.whole("viewed", "from flask import request\ndef main(): return request.path + '|' + request.query_string.decode()"))
    base = "/api/v1/namespaces/default/functions/viewed"
    files = shared.api("GET", "/api/v1/namespaces/default/packages/viewed/files").json
    assert "request.path" in files["files"]["main.py"] and files["truncated"] is False
    assert shared.api("GET", base + "/call").text == "/|"
    assert shared.api("PATCH", base + "/call/a/b?x=1").text == "/a/b|x=1"
    described = shared.api("GET", base + "/describe").json
    assert described["function"]["metadata"]["name"] == "viewed"
    assert described["urls"] == [f"http://{shared.gateway}/viewed"]
    assert described["instances"], described
