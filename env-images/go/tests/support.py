"""Builds Go sources as the daemon does and loads them."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import environment_under_test as eut  # noqa: E402

HEAD = 'package main\n\nimport (\n\t"fmt"\n\t"net/http"\n)\n\n'
HELLO = HEAD + 'func Handler(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "one") }\n'


def build(folder, files, name="source"):
    source = pathlib.Path(folder) / name
    for path, content in files.items():
        target = source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    environment = eut.Environment("go")
    environment.ensure_installed(builder=True)
    return environment.build(source, folder)


def package(folder, files, name="source"):
    built = build(folder, files, name)
    assert built.status == 0, built.output
    return built.package
