"""Small files, a README per module, no leftovers."""

import re
import sys

import pytest

sys.path.insert(0, __file__.rsplit("/", 1)[0])
from sources import module_edges, text_of, tracked, ROOT  # noqa: E402

CODE = [p for p in tracked() if p.suffix in (".cpp", ".hpp", ".py", ".js", ".mjs", ".ts", ".tsx", ".sh") or
        (p.parts[0] in ("test", "deploy", ".ci") and p.suffix == "" and p.name not in ("README",))]
HEADERS = [p for p in CODE if p.suffix == ".hpp"]
OWN = "test/architecture/sizes_test.py"
# The word for a person's half-done work; `todo` in lower case is a list of things that are to be visited.
HALF_DONE = re.compile(r"\b(TODO|FIXME|XXX)\b|\bnot implemented\b")
URL = re.compile(r"https?://([A-Za-z0-9.-]+\.[A-Za-z]{2,})")
HOSTS = {"fission.io", "example.com", "example.org", "www.rfc-editor.org", "json-schema.org", "spec.openapis.org",
         "kubernetes.io", "opentelemetry.io", "prometheus.io", "www.w3.org", "man7.org", "sqlite.org", "www.sqlite.org",
         "maven.apache.org"}  # the last one: the XML namespace of every pom.xml, not an address


@pytest.mark.parametrize("path", CODE, ids=str)
def test_files_stay_below_500_lines(path):
    lines = text_of(path).count("\n")
    assert lines < 500, f"{path} has {lines} lines; split it by responsibility"


@pytest.mark.parametrize("path", HEADERS, ids=str)
def test_headers_stay_below_200_lines(path):
    lines = text_of(path).count("\n")
    assert lines < 200, f"{path} has {lines} lines; split it by responsibility"


@pytest.mark.parametrize("module", sorted(module_edges()))
def test_every_module_says_in_10_to_30_lines_what_it_is(module):
    readme = ROOT / "src" / module / "README.md"
    assert readme.is_file(), f"src/{module}/README.md is missing"
    lines = readme.read_text(encoding="utf-8").rstrip("\n").count("\n") + 1
    assert 10 <= lines <= 30, f"src/{module}/README.md has {lines} lines"


@pytest.mark.parametrize("path", [p for p in CODE if str(p) != OWN], ids=str)
def test_nothing_is_left_for_later(path):
    found = [f"{path}:{number}: {line.strip()}" for number, line in enumerate(text_of(path).splitlines(), 1)
             if HALF_DONE.search(line)]
    assert not found, "\n".join(found)


def test_no_foreign_host_is_named():
    found = []
    for path in tracked():
        if path.parts[0] == "test" or path.name in ("LICENSE", "package-lock.json"):
            continue  # made-up hosts; addresses of authors
        try:
            text = text_of(path)
        except UnicodeDecodeError:
            continue
        found += [f"{path}: {host}" for host in URL.findall(text)
                  if host not in HOSTS and not host.endswith((".example", ".example.com", ".example.org", ".internal"))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", ["env-images/nodejs", "src/api/admin"])
def test_the_lock_file_names_no_registry(folder):
    assert "resolved" not in text_of(f"{folder}/package-lock.json")
