"""Multipart forms: $_POST, $_FILES and PSR-7's uploaded files, of any size, as under a web server."""

import hashlib
import json

import pytest

SHOW = """<?php
$shown = ['post' => $_POST, 'files' => $_FILES, 'input' => strlen(file_get_contents('php://input'))];
foreach ($_FILES as $name => $file) {
    foreach ((array) $file['tmp_name'] as $path) {
        if (is_string($path) && $path !== '') $shown['sums'][] = hash_file('sha256', $path);
    }
}
if (isset($_GET['there'])) $shown['there'] = array_map('file_exists', explode(',', $_GET['there']));
if (isset($_GET['keep'])) {
    $from = $_FILES['one']['tmp_name'];
    $shown['moved'] = [is_uploaded_file($from), move_uploaded_file($from, '/tmp/kept-' . getmypid()), file_exists($from),
                       file_get_contents('/tmp/kept-' . getmypid()), move_uploaded_file(__FILE__, '/tmp/stolen')];
}
echo json_encode($shown);
"""


def form(*parts, boundary="b0undary", end=True):
    """(head lines, body) each."""
    out = b"a preamble\r\n"
    for head, body in parts:
        out += f"--{boundary}\r\n".encode() + head.encode() + b"\r\n\r\n" + body + b"\r\n"
    return out + (f"--{boundary}--\r\nan epilogue".encode() if end else b"")


def part(name, body, filename=None, kind=None):
    head = f'Content-Disposition: form-data; name="{name}"'
    head += f'; filename="{filename}"' if filename is not None else ""
    head += f"\r\nContent-Type: {kind}" if kind else ""
    return head, body


TYPE = {"Content-Type": 'multipart/form-data; boundary="b0undary"'}


@pytest.fixture
def shown(start_environment):
    return start_environment("php").load({"index.php": SHOW})


def test_fields_and_files_are_as_php_has_them(shown):
    binary = bytes(range(256)) * 1000 + b"\r\n--b0undar\r\n--"
    answer = shown.call("POST", "/", form(part("a", b"1"), part("list[]", "ü".encode()), part("list[]", b""), part("deep[x][y]", b"z"),
                                          part("one", binary, "C:\\dir\\pic %22x%22.png", "image/png"), part("none", b"", ""),
                                          part("docs[]", b"first", "1.txt", "text/plain"), part("docs[]", b"", "2.txt")), TYPE).json
    assert answer["post"] == {"a": "1", "list": ["ü", ""], "deep": {"x": {"y": "z"}}}
    one = answer["files"]["one"]
    assert (one["name"], one["type"], one["error"], one["size"]) == ('pic "x".png', "image/png", 0, len(binary))
    assert one["full_path"] == 'C:\\dir\\pic "x".png'
    assert answer["sums"][0] == hashlib.sha256(binary).hexdigest()
    assert (answer["files"]["none"]["error"], answer["files"]["none"]["tmp_name"]) == (4, "")
    assert answer["files"]["docs"]["name"] == ["1.txt", "2.txt"]
    assert answer["files"]["docs"]["size"] == [5, 0] and answer["files"]["docs"]["error"] == [0, 0]
    assert answer["input"] == 0
    assert shown.call().json == {"post": [], "files": [], "input": 0}


def test_files_are_moved_or_gone_with_their_request(shown):
    connection = shown.connect()
    paths = []
    for query in ("/?keep=1", "/"):
        connection.request("POST", query, form(part("one", b"content", "x")), TYPE)
        response = connection.getresponse()
        answer = json.loads(response.read())
        paths.append(answer["files"]["one"]["tmp_name"])
        if "keep" in query:
            assert answer["moved"] == [True, True, False, "content", False]
    connection.close()
    left = shown.call("GET", "/?there=" + ",".join(paths)).json
    assert left["there"] == [False, False]


def test_a_function_gets_psr_7_files_and_large_ones_cost_no_memory(start_environment):
    runtime = start_environment("php").load({"index.php": """<?php
function handler($context) {
    $request = $context['request'];
    $file = $request->getUploadedFiles()['big'];
    $hash = hash_init('sha256');
    for ($stream = $file->getStream(); !$stream->eof();) hash_update($hash, $stream->read(1 << 20));
    return json_encode([$request->getParsedBody(), $file->getClientFilename(), $file->getSize(), hash_final($hash), memory_get_peak_usage() >> 20]);
}
"""})
    big = b"0123456789abcdef" * (4 << 20)
    body, name, size, digest, peak = runtime.call("POST", "/", form(part("big", big, "big.bin"), part("note", b"n")), TYPE).json
    assert (body, name, size) == ({"note": "n"}, "big.bin", len(big))
    assert digest == hashlib.sha256(big).hexdigest()
    assert peak < 16


@pytest.mark.parametrize("body, status, word", [
    (form(part("a", b"1"), end=False), 400, "last delimiter"),
    (form(*[part("a", b"1")] * 1001), 413, "1000 parts"),
    (form(part("a", b"x" * ((8 << 20) + 100))), 413, "8388608 bytes"),
    (form(("X: " + "y" * 100000, b"")), 400, "head of a part"),
    (form(("X: " + "y" * 20000, b"")), 400, "16384 bytes"),
])
def test_forms_that_cannot_be_taken_are_refused(shown, body, status, word):
    answer = shown.call("POST", "/", body, TYPE)
    assert answer.status == status and word in answer.text, answer.text
    assert shown.call().status == 200
