"""Packages whose archive is fetched from an https address: a real daemon, a real TLS server on loopback."""

import hashlib
import http.server
import io
import json
import ssl
import subprocess
import threading
import zipfile

import documents
import pytest


def zipped(text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("main.py"), text)
    return out.getvalue()


class Files(http.server.ThreadingHTTPServer):
    """Serves what `content` holds by path; a str value is a redirect."""

    def __init__(self, certificate, key):
        self.content, self.asked = {}, []
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    def url(self, path, host="localhost"):
        return f"https://{host}:{self.server_address[1]}{path}"

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802
        self.server.asked.append(self.path)
        found = self.server.content.get(self.path)
        if isinstance(found, str):
            self.send_response(302)
            self.send_header("Location", found)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=files", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key.pem",
                    "-out", folder / "certificate.pem"], check=True, capture_output=True)
    return folder


@pytest.fixture
def files(certificate):
    server = Files(certificate / "certificate.pem", certificate / "key.pem")
    yield server
    server.close()


def configured(daemons, tmp_path, certificate, private):
    config = tmp_path / "hearth.yaml"
    config.write_text(f"packages:\n  allowPrivateAddresses: {'true' if private else 'false'}\n  caFile: {certificate / 'certificate.pem'}\n")
    return daemons(arguments=["--config", config]).start()


def function_at(url, digest=None):
    archive = {"type": "url", "url": url}
    if digest:
        archive["checksum"] = {"type": "sha256", "sum": digest}
    return [documents.environment("upy"),
            {"apiVersion": "hearth/v1", "kind": "Package", "metadata": {"name": "far"},
             "spec": {"environment": {"name": "upy"}, "deployment": archive}},
            {"apiVersion": "hearth/v1", "kind": "Function", "metadata": {"name": "far"},
             "spec": {"environment": {"name": "upy"}, "package": {"functionName": "main.main", "packageref": {"name": "far"}}}},
            {"apiVersion": "hearth/v1", "kind": "HTTPTrigger", "metadata": {"name": "far"},
             "spec": {"relativeurl": "/far", "methods": ["GET"], "functionref": {"type": "name", "name": "far"}}}]


def applied(daemon, items):
    return daemon.api("POST", "/api/v1/apply", items)


def test_a_function_from_an_address_answers_and_is_fetched_once(daemons, tmp_path, certificate, files):
    code = zipped("def main():\n    return 'from afar'\n")
    files.content = {"/moved.zip": files.url("/code.zip"), "/code.zip": code}
    daemon = configured(daemons, tmp_path, certificate, private=True)
    items = function_at(files.url("/moved.zip"), hashlib.sha256(code).hexdigest())
    answer = applied(daemon, items)
    assert answer.status == 200, answer
    assert daemon.call("/far").text == "from afar"
    assert files.asked == ["/moved.zip", "/code.zip"]
    again = applied(daemon, items)
    assert [r["action"] for r in again.json["results"]] == ["unchanged"] * 4, again
    assert len(files.asked) == 2


def test_new_bytes_at_the_same_address_reach_the_function(daemons, tmp_path, certificate, files):
    files.content = {"/code.zip": zipped("def main():\n    return 'one'\n")}
    daemon = configured(daemons, tmp_path, certificate, private=True)
    assert applied(daemon, function_at(files.url("/code.zip"))).status == 200
    assert daemon.call("/far").text == "one"
    files.content = {"/code.zip": zipped("def main():\n    return 'two'\n")}
    assert applied(daemon, function_at(files.url("/code.zip"))).status == 200
    assert daemon.call("/far").text == "two"


def test_a_wrong_checksum_and_a_broken_address_are_told_with_their_line(daemons, tmp_path, certificate, files):
    code = zipped("def main():\n    return 'x'\n")
    files.content = {"/code.zip": code}
    daemon = configured(daemons, tmp_path, certificate, private=True)
    document = tmp_path / "far.yaml"
    for url, digest, says in [(files.url("/code.zip"), "1" * 64, [hashlib.sha256(code).hexdigest(), "1" * 64]),
                              (files.url("/gone.zip"), "1" * 64, ["404 Not Found"]),
                              (files.url("/code.zip", "127.0.0.1").replace("127.0.0.1", "localhost.localdomain"), "1" * 64, ["localhost.localdomain"])]:
        document.write_text("\n---\n".join(json.dumps(item, indent=1) for item in function_at(url, digest)))
        outcome = daemon.cli("apply", "-f", document)
        assert outcome.code != 0
        for part in says:
            assert part in outcome.err, outcome
        assert "far.yaml:" in outcome.err, outcome
    assert daemon.call("/far").status == 404


def test_loopback_is_refused_unless_it_is_allowed(daemons, tmp_path, certificate, files):
    files.content = {"/code.zip": zipped("def main():\n    return 'x'\n")}
    daemon = configured(daemons, tmp_path, certificate, private=False)
    for host in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"]:
        answer = applied(daemon, function_at(files.url("/code.zip", host)))
        assert answer.status == 422, answer
        assert "not an address of the public internet" in answer.text
    assert files.asked == []


def test_a_ca_file_that_is_none_is_told_at_the_start(daemons, tmp_path):
    config = tmp_path / "hearth.yaml"
    (tmp_path / "none.pem").write_text("no certificate")
    config.write_text(f"packages:\n  caFile: {tmp_path / 'none.pem'}\n")
    daemon = daemons(arguments=["--config", config]).launch()
    assert daemon.process.wait(60) != 0
    assert "packages.caFile" in daemon.log()
