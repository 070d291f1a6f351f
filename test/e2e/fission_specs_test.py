"""A Fission spec folder applies unchanged and its functions answer as they do there."""

import base64

import pytest

HEADER = "apiVersion: fission.io/v1\n"


@pytest.fixture
def spec_folder(tmp_path):
    """specs/ as `fission spec init` lays it out, with Python and Node, literal and uploaded archives."""
    specs = tmp_path / "specs"
    specs.mkdir()
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.py").write_text("from flask import request\nfrom helper import shout\n"
                                          "def main():\n    return shout(request.args.get('w', 'none'))\n")
    (tmp_path / "src/helper.py").write_text("def shout(w): return w.upper()\n")
    (tmp_path / "hello.js").write_text("module.exports = async function(context) {\n"
                                       "  return {status: 200, body: 'node ' + context.request.query.w};\n}\n")
    literal = base64.b64encode(b"def main():\n    return 'literal'\n").decode()
    (specs / "README").write_text("Not a spec.\n")
    (specs / "fission-deployment-config.yaml").write_text(
        HEADER + "kind: DeploymentConfig\nname: shop\nuid: 5d3e3d2c-7f2b-4f0c-9a53-0e6f1e6c0c11\n")
    (specs / "env.yaml").write_text(
        HEADER + "kind: Environment\nmetadata: {name: fpy, namespace: default}\n"
        "spec:\n  version: 3\n  runtime: {image: ghcr.io/fission/python-env}\n"
        "  builder: {image: ghcr.io/fission/python-builder, command: build}\n  poolsize: 1\n---\n" +
        HEADER + "kind: Environment\nmetadata: {name: fnode, namespace: default}\n"
        "spec: {version: 3, runtime: {image: ghcr.io/fission/node-env-22}, poolsize: 1}\n")
    (specs / "functions.yaml").write_text("---\n".join([
        HEADER + "kind: ArchiveUploadSpec\nname: shout-src\ninclude: [\"src/*\"]\n",
        HEADER + "kind: ArchiveUploadSpec\nname: nodejs-src\ninclude: [hello.js]\n",
        self_package("shout-pkg", "fpy", "{type: url, url: 'archive://shout-src'}"),
        self_package("node-pkg", "fnode", "{type: url, url: 'archive://nodejs-src'}"),
        self_package("literal-pkg", "fpy", f"{{type: literal, literal: {literal}}}"),
        self_function("shout", "fpy", "shout-pkg", "main.main"),
        self_function("nodehello", "fnode", "node-pkg", "hello"),
        self_function("lit", "fpy", "literal-pkg", "main"),
        self_trigger("shout", "/f/shout"), self_trigger("nodehello", "/f/node"), self_trigger("lit", "/f/lit"),
    ]))
    return specs


def self_package(name, env, archive):
    return HEADER + f"kind: Package\nmetadata: {{name: {name}, namespace: default}}\n" \
        f"spec:\n  environment: {{name: {env}, namespace: default}}\n  deployment: {archive}\n" \
        "status: {buildstatus: succeeded}\n"


def self_function(name, env, package, entry):
    return HEADER + f"kind: Function\nmetadata: {{name: {name}, namespace: default}}\n" \
        f"spec:\n  environment: {{name: {env}, namespace: default}}\n" \
        f"  package:\n    functionName: {entry}\n    packageref: {{name: {package}, namespace: default}}\n" \
        "  concurrency: 500\n  requestsPerPod: 1\n  functionTimeout: 60\n  idletimeout: 120\n" \
        "  InvokeStrategy:\n    StrategyType: execution\n" \
        "    ExecutionStrategy: {ExecutorType: poolmgr, MinScale: 0, MaxScale: 1, SpecializationTimeout: 120}\n"


def self_trigger(name, url):
    return HEADER + f"kind: HTTPTrigger\nmetadata: {{name: {name}, namespace: default}}\n" \
        f"spec:\n  relativeurl: {url}\n  methods: [GET]\n  functionref: {{type: name, name: {name}}}\n"


def test_a_fission_spec_folder_applies_unchanged(daemon, spec_folder):
    daemon.cli_ok("apply", "-f", spec_folder)
    assert daemon.call("/f/shout?w=loud").text == "LOUD"
    assert daemon.call("/f/node?w=says").text == "node says"
    assert daemon.call("/f/lit").text == "literal"
    again = daemon.cli_ok("apply", "-f", spec_folder)
    assert "created" not in again.out and "configured" not in again.out


def test_diff_and_validate_of_a_spec_folder(daemon, spec_folder):
    assert daemon.cli("validate", "-f", spec_folder).code == 0
    before = daemon.cli("diff", "-f", spec_folder)
    assert "shout" in before.out
    daemon.cli_ok("apply", "-f", spec_folder)
    env = spec_folder / "env.yaml"
    env.write_text(env.read_text().replace("poolsize: 1\n---", "poolsize: 2\n---"))
    changed = daemon.cli("diff", "-f", spec_folder)
    assert "poolsize" in changed.out and "shout" not in changed.out.replace("shout-", "")


def test_what_a_function_receives(daemon, spec_folder):
    daemon.cli_ok("apply", "-f", spec_folder)
    code = "from flask import request\ndef main():\n    return dict(request.headers) | {'path': request.path}\n"
    daemon.apply([
        {"apiVersion": "fission.io/v1", "kind": "Package", "metadata": {"name": "headers"},
         "spec": {"environment": {"name": "fpy", "namespace": "default"},
                  "deployment": {"type": "literal", "literal": base64.b64encode(code.encode()).decode()}}},
        {"apiVersion": "fission.io/v1", "kind": "Function", "metadata": {"name": "headers"},
         "spec": {"environment": {"name": "fpy", "namespace": "default"},
                  "package": {"functionName": "main.main", "packageref": {"name": "headers", "namespace": "default"}}}},
        {"apiVersion": "fission.io/v1", "kind": "HTTPTrigger", "metadata": {"name": "exact"},
         "spec": {"relativeurl": "/h/exact/{id}", "methods": ["GET"], "functionref": {"type": "name", "name": "headers"}}},
        {"apiVersion": "fission.io/v1", "kind": "HTTPTrigger", "metadata": {"name": "cut"},
         "spec": {"prefix": "/h/cut", "methods": ["GET"], "functionref": {"type": "name", "name": "headers"}}},
        {"apiVersion": "fission.io/v1", "kind": "HTTPTrigger", "metadata": {"name": "kept"},
         "spec": {"prefix": "/h/kept", "keepPrefix": True, "methods": ["GET"],
                  "functionref": {"type": "name", "name": "headers"}}}])
    seen = daemon.call("/h/exact/7").json
    assert seen["path"] == "/"
    assert seen["X-Fission-Function-Name"] == "headers"
    assert seen["X-Fission-Function-Namespace"] == "default"
    assert seen["X-Fission-Function-Uid"]
    assert seen["X-Fission-Params-Id"] == "7"
    assert seen["X-Forwarded-Host"] == daemon.gateway
    assert daemon.call("/h/cut/a/b").json["path"] == "/a/b"
    assert daemon.call("/h/cut").json["path"] == "/"
    assert daemon.call("/h/kept/a").json["path"] == "/h/kept/a"


def test_fissions_internal_address_is_on_the_api_listener_only(daemon, spec_folder):
    daemon.cli_ok("apply", "-f", spec_folder)
    assert daemon.api("GET", "/fission-function/lit").text == "literal"
    assert daemon.api("GET", "/fission-function/default/lit").text == "literal"
    assert daemon.call("/fission-function/lit").status == 404


def test_node_callback_and_promise(shared):
    import documents
    shared.apply(documents.node_function("callback", "module.exports = (context, callback) => "
                                         "callback(202, 'called back', {'X-Style': 'callback'})"))
    answer = shared.call("/callback")
    assert (answer.status, answer.text, answer.headers["X-Style"]) == (202, "called back", "callback")
    shared.apply(documents.node_function("json", "module.exports = async ({request}) => ({status: 200, body: request.body})"))
    answer = shared.call("/json", "POST", b'{"n": [1, 2]}', {"Content-Type": "application/json"})
    assert answer.json == {"n": [1, 2]}
