"""The builder, the examples and the starter."""

import os
import pathlib
import shutil
import subprocess

import pytest

import environment_under_test as eut

HOME = pathlib.Path(__file__).resolve().parents[1]
C = '#include <stdio.h>\nint main(void) { puts("from C"); return 0; }\n'


@pytest.fixture
def binary(start_environment):
    return lambda **options: start_environment("binary", **options)


def build(folder, files):
    source = folder / "source"
    for path, content in files.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(content, encoding="utf-8")
    environment = eut.Environment("binary")
    environment.ensure_installed(builder=True)
    return environment.build(source, folder)


@pytest.mark.parametrize("files, entry, wanted", [
    ({"build.sh": "#!/bin/bash\nset -e\necho 'echo built' >made", "unused": ""}, "made", "built\n"),
    ({"build.sh": "mkdir \"$DEPLOY_PKG\"\necho 'echo elsewhere' >\"$DEPLOY_PKG/made\""}, "", "elsewhere\n"),
    ({"Makefile": "made:\n\techo 'echo with make' >made\n"}, "made", "with make\n"),
    ({"hello.c": C}, "", "from C\n"),
    ({"one.c": "const char *text(void) { return \"two files\"; }\n",
      "two.c": '#include <stdio.h>\nconst char *text(void);\nint main(void) { puts(text()); return 0; }\n'}, "handler", "two files\n"),
    ({"run.sh": "echo as it is"}, "", "as it is\n"),
], ids=range(6))
def test_sources_become_programs(binary, tmp_path, files, entry, wanted):
    built = build(tmp_path, files)
    assert built.status == 0, built.output
    assert binary().load_folder(built.package, entry).call().text == wanted


@pytest.mark.parametrize("files, wanted", [
    ({"build.sh": "echo trouble >&2\nexit 4"}, "trouble"),
    ({"hello.c": "int main(void) { return x; }\n"}, "hello.c:1:25: error:"),
    ({"Makefile": "all:\n\tfalse\n"}, "Makefile:2: all"),
])
def test_failures_are_shown(tmp_path, files, wanted):
    built = build(tmp_path, files)
    assert built.status != 0 and wanted in built.output and not built.package.exists()


def test_the_same_c_source_makes_the_same_bytes(tmp_path):
    first, second = build(tmp_path, {"hello.c": C}), build(tmp_path, {})
    assert first.status == second.status == 0
    assert eut.digest(first.package) == eut.digest(second.package)


@pytest.mark.parametrize("name, entry, method, body, wanted", [
    ("hello.sh", "", "GET", None, "Hello from GET /\n"),
    ("upper.sh", "", "POST", b"loud", "LOUD"),
    ("server", "", "GET", None, "served by process "),
])
def test_examples(binary, name, entry, method, body, wanted):
    assert binary().load_folder(HOME / "examples" / name, entry).call(method, "/", body).text.startswith(wanted)


def test_the_example_in_c(binary, tmp_path):
    built = build(tmp_path, {"count.c": (HOME / "examples/count/count.c").read_text(encoding="utf-8")})
    assert built.status == 0, built.output
    assert binary().load_folder(built.package).call("POST", "/", b"x" * 100_000).text == "100000 bytes\n"


def test_starter(binary):
    runtime = binary().load_folder(HOME / "starter", "handler")
    assert runtime.call("GET", "/?name=you").text == "Hello, you!\n"
    runtime.wait_for_message("asked for you")


@pytest.mark.skipif(shutil.which("cargo") is None, reason="Rust is not installed: apt-get install cargo")
def test_the_rust_example_is_built_and_serves(binary, tmp_path, monkeypatch):
    # rustup's cargo looks for its compiler in the HOME that builds do not have.
    home = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setenv("PATH", f"{home}/bin:{os.environ['PATH']}")
    example = HOME / "examples/rust"
    built = build(tmp_path, {str(path.relative_to(example)): path.read_text(encoding="utf-8") for path in example.rglob("*") if path.is_file()})
    assert built.status == 0, built.output
    assert sorted(path.name for path in built.package.iterdir()) == ["hearth.json", "server"]
    runtime = binary().load_folder(built.package)
    assert runtime.call().text == "Hello from Rust!\n"
    assert runtime.call("POST", "/words", "one two  grüß".encode()).text == "3 words\n"
    assert runtime.call("PATCH", "/x").status == 404
