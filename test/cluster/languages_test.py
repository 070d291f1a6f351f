"""Source packages built in pods of every language's builder image, and called in pods of its environment.

Python, Node.js and Go by default; HEARTH_CLUSTER_LANGUAGES=all (or a list: java,ruby) tests the others too. Their images:
deploy/images languages. Pods of this cluster reach this host and nothing else, so what a build downloads comes from a
registry of the test's own, and languages whose dependencies need a public registry (Maven, Composer, RubyGems, NuGet)
are built from sources without any.
"""

import base64
import hashlib
import http.server
import io
import itertools
import json
import os
import pathlib
import signal
import tarfile
import threading
import time
import zipfile

import pods
import pytest
from cluster_daemon import ClusterDaemon
from documents import function, route
from hearth_daemon import until

ENV_IMAGES = pathlib.Path(__file__).resolve().parents[2] / "env-images"
QUICK = ["python", "nodejs", "go"]
ALL = sorted(path.parents[1].name for path in ENV_IMAGES.glob("*/conformance/entry.txt"))
NOT_PACKAGED = {"entry.txt", "limits.yaml", "build", "broken", "raises"}
# Without it the sources are compiled by javac alone; Maven would fetch its plugins.
NEEDS_REGISTRY = {"java": {"pom.xml"}}
HOST = "10.89.0.1"  # of the test cluster, as its pods see it
BUILD_LIMIT = 300
PACKAGES = "/api/v1/namespaces/default/packages/"
_numbers = itertools.count(1)


def chosen():
    wanted = os.environ.get("HEARTH_CLUSTER_LANGUAGES", "")
    if not wanted:
        return QUICK
    return ALL if wanted == "all" else wanted.split(",")


def zipped(files):
    """{path: (bytes, executable)} as base64."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, (data, executable) in sorted(files.items()):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o755 if executable else 0o644) << 16
            archive.writestr(entry, data)
    return base64.b64encode(out.getvalue()).decode()


def files_of(folder, left_out=frozenset()):
    return {str(path.relative_to(folder)): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not left_out & {path.name, *path.relative_to(folder).parts[:1]}}


def text_files(**files):
    return {name: (text.encode(), name.endswith(".sh")) for name, text in files.items()}


def environment(language, **builder):
    return {"apiVersion": "hearth/v1", "kind": "Environment", "metadata": {"name": language},
            "spec": {"version": 3, "poolsize": 1, "runtime": {"image": pods.image(f"{language}-env")},
                     "builder": {"image": pods.image(f"{language}-builder"), "command": "build", **builder}}}


def source_package(name, language, files, buildcmd=""):
    spec = {"environment": {"name": language}, "source": {"type": "literal", "literal": zipped(files)}}
    if buildcmd:
        spec["buildcmd"] = buildcmd
    return {"apiVersion": "hearth/v1", "kind": "Package", "metadata": {"name": name}, "spec": spec}


def everything_below(name, entry, language, package=None):
    """A function on all paths below /NAME and with every method."""
    trigger = route(name, "", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    trigger["spec"].pop("relativeurl")
    trigger["spec"]["prefix"] = f"/{name}"
    return [function(name, entry, language, package or name), trigger]


def build_of(daemon, name):
    return daemon.api("GET", PACKAGES + name + "/build").json


def wait_for(daemon, name, status, limit=BUILD_LIMIT):
    def look():
        build = build_of(daemon, name)
        assert build["buildstatus"] == status or build["buildstatus"] not in ("failed", "succeeded"), build
        return build if build["buildstatus"] == status else None
    return until(look, f"{name} {status}: {build_of(daemon, name)}", limit)


def builders(daemon):
    return daemon.pods("hearth.io/kind=build")


def called(daemon, path, **more):
    answer = daemon.call(path, **more)
    assert answer.status == 200, (answer, daemon.log()[-3000:])
    return answer


@pytest.fixture(scope="module")
def registry():
    """A package index for pip and npm on this host: one package of each, `greet`."""
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greet.py", "WORD = 'greetings'\n")
        archive.writestr("greet-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greet\nVersion: 1.0\n")
        archive.writestr("greet-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("greet-1.0.dist-info/RECORD", "")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in (("package/package.json", '{"name": "greet", "version": "1.0.0", "main": "index.js"}'),
                           ("package/index.js", "exports.word = 'greetings';\n")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            url = f"http://{HOST}:{self.server.server_port}"
            npm = {"name": "greet", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
                "name": "greet", "version": "1.0.0", "main": "index.js",
                "dist": {"tarball": f"{url}/greet/-/greet-1.0.0.tgz", "shasum": hashlib.sha1(packed.getvalue()).hexdigest()}}}}
            known = {"/simple/greet/": ("text/html", b'<a href="/wheels/greet-1.0-py3-none-any.whl">greet-1.0-py3-none-any.whl</a>'),
                     "/wheels/greet-1.0-py3-none-any.whl": ("application/octet-stream", wheel.getvalue()),
                     "/greet": ("application/json", json.dumps(npm).encode()),
                     "/greet/-/greet-1.0.0.tgz": ("application/octet-stream", packed.getvalue())}
            kind, body = known.get(self.path, ("text/plain", b"not here"))
            self.send_response(200 if self.path in known else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.asked = asked
    yield server
    server.shutdown()


def start(restricted, **build):
    daemon = ClusterDaemon(restricted)
    file = daemon.folder / "hearth.yaml"
    config = json.loads(file.read_text())
    config["build"] = build
    file.write_text(json.dumps(config))
    return daemon.start()


@pytest.fixture(scope="module")
def daemon(restricted, registry):
    url = f"http://{HOST}:{registry.server_port}"
    one = start(restricted, env={"PIP_INDEX_URL": url + "/simple", "PIP_TRUSTED_HOST": HOST, "NPM_REGISTRY": url,
                                 "GOPROXY": "off"})
    yield one
    one.close()
    pods.kubectl("-n", restricted, "delete", "deployments,pods", "-l", "hearth.io/daemon=test", "--force", "--grace-period=0")


@pytest.fixture(scope="module", params=ALL)
def language(request, daemon):
    """A language whose conformance function was built in a pod from its source."""
    name = request.param
    if name not in chosen():
        pytest.skip("HEARTH_CLUSTER_LANGUAGES does not name it")
    folder = ENV_IMAGES / name / "conformance"
    daemon.apply([environment(name),
                  source_package(name, name, files_of(folder, NOT_PACKAGED | NEEDS_REGISTRY.get(name, set()))),
                  *everything_below(name, (folder / "entry.txt").read_text().strip(), name)])
    started = time.monotonic()
    build = wait_for(daemon, name, "succeeded")
    print(f"{name}: built in {time.monotonic() - started:.1f} s")
    assert build["buildlog"].startswith("hearth: building"), build
    assert "hearth: building in pod " in build["buildlog"]
    yield name
    daemon.cli_ok("delete", "function", name)
    daemon.cli_ok("delete", "environment", name)


def test_a_source_is_built_in_a_pod_that_is_gone_and_its_function_answers(daemon, language):
    assert called(daemon, f"/{language}/hello").text == "hello\n"
    until(lambda: not builders(daemon), "the end of the builder pod")


def test_calls_behave_in_pods_as_the_contract_says(daemon, language):
    def at(path, **more):
        return called(daemon, f"/{language}{path}", **more)

    body = bytes(range(256)) * 40
    echo = at("/echo", method="PATCH", body=body, headers={"Content-Type": "application/x-test"})
    assert (echo.body, echo.headers["X-Method"], echo.headers["Content-Type"]) == (body, "PATCH", "application/x-test")
    assert at("/unicode?name=W%C3%B6rld").text == "grüß Wörld ✓\n"
    status = daemon.call(f"/{language}/status?code=418")
    assert (status.status, status.text, status.headers["X-Custom"]) == (418, "status 418\n", "yes")
    assert "x-fission-function-name" in at("/headers").json
    assert at("/stream?n=3&ms=20").text == "chunk 0\nchunk 1\nchunk 2\n"
    large = at("/large?bytes=3000001").body
    assert (len(large), large[:12], large[-1:]) == (3_000_001, b"012345678901", b"0")
    sent = b"x" * 2_000_000
    assert at("/count", method="POST", body=sent).text == f"{len(sent)} {hashlib.sha256(sent).hexdigest()}\n"
    assert daemon.call(f"/{language}/throw").status >= 500
    assert at("/hello").text == "hello\n"


def test_a_compile_error_is_told_by_the_language_once(daemon, language):
    folder = ENV_IMAGES / language / "conformance" / "broken"
    files = files_of(folder, {"entry.txt"} | NEEDS_REGISTRY.get(language, set()))
    daemon.apply([source_package("broken", language, files)])
    done = until(lambda: (lambda b: b if b["buildstatus"] in ("failed", "succeeded") else None)(build_of(daemon, "broken")),
                 "the end of the build", BUILD_LIMIT)
    if done["buildstatus"] == "succeeded":  # languages that only run tell when the code is loaded
        daemon.apply(everything_below("broken", "main", language))
        assert daemon.call("/broken").status == 502
        daemon.cli_ok("delete", "function", "broken")
    else:
        assert "ended with exit code" in done["error"] and len(done["buildlog"].splitlines()) > 3, done
        until(lambda: daemon.api("GET", "/api/v1/builds").json["items"] == [], "the end of the queue")
        daemon.cli_ok("delete", "package", "broken")
    until(lambda: not builders(daemon), "the end of the builder pod")


def test_python_requirements_come_from_an_index_the_pods_reach(daemon, registry):
    files = text_files(**{"main.py": "import greet\n\n\ndef main():\n    return greet.WORD\n", "requirements.txt": "greet==1.0\n"})
    daemon.apply([environment("python"), source_package("wheel", "python", files), *everything_below("wheel", "main.main", "python")])
    build = wait_for(daemon, "wheel", "succeeded")
    assert "greet" in build["buildlog"]
    assert "/wheels/greet-1.0-py3-none-any.whl" in registry.asked
    assert called(daemon, "/wheel").text == "greetings"


def test_node_packages_come_from_a_registry_the_pods_reach(daemon, registry):
    files = text_files(**{"index.js": "const greet = require('greet');\nmodule.exports = async () => ({status: 200, body: greet.word});\n",
                          "package.json": '{"name": "f", "version": "1.0.0", "dependencies": {"greet": "1.0.0"}}'})
    daemon.apply([environment("nodejs"), source_package("npm", "nodejs", files), *everything_below("npm", "", "nodejs")])
    wait_for(daemon, "npm", "succeeded")
    assert "/greet/-/greet-1.0.0.tgz" in registry.asked
    assert called(daemon, "/npm").text == "greetings"


def test_equal_sources_build_to_the_same_bytes(daemon):
    files = text_files(**{"main.py": "def main():\n    return 'same'\n", "lib/deep.py": "X = 1\n"})
    daemon.apply([environment("python"), source_package("one", "python", files), source_package("two", "python", files)])
    digests = {wait_for(daemon, name, "succeeded")["deploymentDigest"] for name in ("one", "two")}
    assert len(digests) == 1


def test_an_image_without_anything_of_hearths_builds_by_its_packages_command(daemon):
    """The image of a stranger's runtime: what it has is a Python."""
    script = ("import os, pathlib, sys\n"
              "target = pathlib.Path(os.environ['DEPLOY_PKG'])\n"
              "print('building in', os.getcwd(), 'as', os.getuid())\n"
              "pathlib.Path('/tmp/anywhere').write_text('x')\n"
              "target.mkdir()\n"
              "(target / 'main.py').write_text('def main():\\n    return ' + repr(os.environ['WORD']) + '\\n')\n"
              "os.symlink('main.py', target / 'link.py')\n"
              "os.symlink('/etc/passwd', target / 'away')\n")
    strange = environment("python", image=pods.image("foreign-env"),
                          podspec={"containers": [{"name": "builder", "env": [{"name": "WORD", "value": "strange"}]}]})
    daemon.apply([strange, source_package("strange", "python", text_files(**{"make.py": script}), "python3 make.py"),
                  *everything_below("strange", "main.main", "python")])
    build = wait_for(daemon, "strange", "succeeded")
    assert "as 10001" in build["buildlog"] and '"away" is a link that leads out of the package' in build["buildlog"], build
    assert called(daemon, "/strange").text == "strange"
    assert called(daemon, "/strange").text == "strange"


def test_what_cannot_be_built_says_which_part_failed(daemon):
    files = text_files(**{"main.py": "def main():\n    return 'x'\n", "fail.sh": "echo the reason >&2; exit 3\n",
                          "hog.sh": "x=$(head -c 400000000 /dev/zero | tr '\\0' x); echo ${#x}\n"})
    daemon.apply([environment("python", container={"name": "builder", "resources": {"limits": {"memory": "128Mi"}}}),
                  {**environment("python"), "metadata": {"name": "nowhere"},
                   "spec": {**environment("python")["spec"], "builder": {"image": "localhost/no-such-image:1"}}}])

    def fault(name, command, env="python"):
        daemon.apply([source_package(name, env, files, command)])
        return wait_for(daemon, name, "failed")

    failed = fault("exits", "sh fail.sh")
    assert failed["error"] == "the build command `sh fail.sh` ended with exit code 3" and "the reason" in failed["buildlog"]
    assert "name a program that the image has" in fault("absent", "no-such-program")["error"]
    assert "made neither a folder nor a file at $DEPLOY_PKG" in fault("nothing", "true")["error"]
    assert "out of memory (limit 128 MiB" in fault("hog", "sh hog.sh")["error"]
    unknown = fault("unknown", "build", "nowhere")
    assert "the container builder of pod" in unknown["error"] and "image" in unknown["error"], unknown
    until(lambda: not builders(daemon), "the end of the builder pods")


@pytest.fixture
def namespace():
    """One of its own: two daemons of one installation would take each other's builder pods for a dead one's."""
    name = f"hearth-builds-{os.getpid()}-{next(_numbers)}"
    pods.make_restricted_namespace(name)
    yield name
    pods.kubectl("delete", "namespace", name, "--wait=false")


def test_builds_end_with_their_daemon_and_begin_again_with_the_next(namespace):
    """A build is cancelled, one runs out of time, one is cut off by the daemon's death: no pod stays behind."""
    daemon = start(namespace, timeout="40s")

    def begun(name):
        until(lambda: "begun" in build_of(daemon, name).get("buildlog", "").splitlines(), f"the first line of {name}", 60)

    try:
        sleeper = text_files(**{"sleep.sh": "echo begun; sleep 3600\n"})
        daemon.apply([environment("python"), source_package("long", "python", sleeper, "sh sleep.sh")])
        begun("long")
        [pod] = builders(daemon).values()
        assert pod["spec"]["automountServiceAccountToken"] is False
        daemon.cli_ok("package", "cancel", "long")
        assert wait_for(daemon, "long", "failed")["error"] == "it was cancelled"
        until(lambda: not builders(daemon), "the end of the cancelled build's pod")
        daemon.apply([source_package("late", "python", sleeper, "sh sleep.sh")])
        assert "did not end in time" in wait_for(daemon, "late", "failed")["error"]
        until(lambda: not builders(daemon), "the end of the late build's pod")
        daemon.apply([source_package("cut", "python", sleeper, "sh sleep.sh")])
        begun("cut")
        before = set(builders(daemon))
        os.killpg(daemon.process.pid, signal.SIGKILL)
        daemon.process.wait()
        daemon.start()
        until(lambda: before.isdisjoint(builders(daemon)), "the end of the dead daemon's builder pod", 60)
        assert build_of(daemon, "cut")["buildstatus"] in ("running", "pending")
        daemon.cli_ok("package", "cancel", "cut")
        until(lambda: not builders(daemon), "the end of the second attempt's pod")
        secrets = pods.kubectl("-n", daemon.namespace, "get", "secrets", "-l", "hearth.io/kind=build-token", "-o", "name")
        until(lambda: not pods.kubectl("-n", daemon.namespace, "get", "secrets", "-l", "hearth.io/kind=build-token", "-o", "name"),
              f"the end of the builder pods' tokens: {secrets}", 60)
    finally:
        daemon.close()


def test_a_claim_keeps_what_builds_of_an_environment_leave(namespace, tmp_path):
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(0o777)
    common = {"storageClassName": "by-hand", "accessModes": ["ReadWriteMany"]}
    pods.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": namespace},
                "spec": {**common, "capacity": {"storage": "1Gi"}, "hostPath": {"path": str(folder)},
                         "claimRef": {"namespace": namespace, "name": "cache"}}},
               {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "cache", "namespace": namespace},
                "spec": {**common, "resources": {"requests": {"storage": "1Gi"}}}})
    daemon = start(namespace, cacheClaim="cache")
    try:
        script = "echo run >>\"$HEARTH_BUILD_CACHE/runs\"; mkdir \"$DEPLOY_PKG\"; cp \"$HEARTH_BUILD_CACHE/runs\" \"$DEPLOY_PKG\"\n"
        daemon.apply([environment("python")])
        for name in ("first", "second"):
            daemon.apply([source_package(name, "python", text_files(**{"make.sh": script}), "sh make.sh")])
            wait_for(daemon, name, "succeeded")
        [kept] = folder.iterdir()
        assert kept.name == daemon.api("GET", "/api/v1/namespaces/default/environments/python").json["metadata"]["uid"]
        assert (kept / "runs").read_text() == "run\nrun\n"
    finally:
        daemon.close()
        pods.kubectl("delete", "persistentvolume", namespace, "--wait=false")
