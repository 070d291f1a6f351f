"""The builder: requirements beside the sources, byte-same output, failures in pip's own words."""

import os
import pathlib
import subprocess

import pytest

import environment_under_test as eut

CODE = "from slugify import slugify\ndef main(): return slugify('Grüß Gott')\n"


@pytest.fixture
def build(tmp_path):
    """build({path: text}) → what the builder did with it."""
    environment = eut.Environment("python")
    environment.ensure_installed(builder=True)

    def run(files):
        source = tmp_path / "source"
        for name, text in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text)
        return environment.build(source, tmp_path)
    return run


def test_requirements_are_installed_and_the_package_runs(build, python):
    built = build({"main.py": CODE, "requirements.txt": "python-slugify==8.0.4\n", "lib/__init__.py": ""})
    assert built.status == 0, built.output
    assert "python_slugify==8.0.4" in built.output
    assert python().load_folder(built.package).call().text == "gruss-gott"


def test_a_rebuild_is_byte_same_and_has_no_times(build):
    files = {"main.py": CODE, "requirements.txt": "python-slugify==8.0.4\n"}
    first, second = build(files), build(files)
    assert (first.status, second.status) == (0, 0), first.output + second.output
    assert eut.digest(first.package) == eut.digest(second.package)
    compiled = list(first.package.rglob("*.pyc"))
    assert any("main.cpython" in path.name for path in compiled)
    assert all(path.read_bytes()[4:8] == b"\x01\0\0\0" for path in compiled), "hash-based, not checked against the source"


def test_a_rebuild_needs_no_index(build, monkeypatch):
    files = {"main.py": CODE, "requirements.txt": "python-slugify==8.0.4\n"}
    assert build(files).status == 0
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    again = build(files)
    assert again.status == 0 and "from the cache" in again.output, again.output


def test_a_requirement_that_is_not_there_fails_in_pips_words(build):
    built = build({"main.py": "", "requirements.txt": "python-slugify==0.0.0.77\n"})
    assert built.status != 0
    assert "No matching distribution found for python-slugify==0.0.0.77" in built.output


def test_a_requirement_of_the_tree_is_built_each_time(build, python):
    files = {"main.py": "import mine\ndef main(): return mine.WORD\n", "requirements.txt": "./mine-package\n",
             "mine-package/setup.py": "from setuptools import setup; setup(name='mine', version='1.0', py_modules=['mine'])\n",
             "mine-package/mine.py": "WORD = 'one'\n"}
    assert python().load_folder(build(files).package).call().text == "one"
    files["mine-package/mine.py"] = "WORD = 'two'\n"
    assert python().load_folder(build(files).package).call().text == "two"


def test_sources_alone_and_stale_bytecode(build):
    built = build({"main.py": "def main(): return 'x'", "__pycache__/main.cpython-311.pyc": "stale", "bad.py": "print 'two'\n"})
    assert built.status == 0
    assert "there is no requirements.txt" in built.output and "SyntaxError" in built.output
    assert sorted(p.name for p in built.package.rglob("*.pyc")) == ["main.cpython-311.pyc"]
    assert (built.package / "__pycache__/main.cpython-311.pyc").read_bytes() != b"stale"


def test_the_starter_builds_and_answers(tmp_path, python):
    environment = eut.Environment("python")
    built = environment.build(environment.folder / "starter", tmp_path)
    assert built.status == 0, built.output
    assert python().load_folder(built.package).call("GET", "/?name=Gr%C3%BC").json == {"greeting": "Hello, Grü!", "slug": "gru"}


@pytest.mark.parametrize("example, call, answer", [
    ("fastapi", ("PUT", "/1", b'{"title": "t", "pages": 3}', {"Content-Type": "application/json"}), '{"title":"t","pages":3}'),
    ("wsgi", ("POST", "/render", b"# Head"), "<h1>Head</h1>"),
])
def test_examples_with_requirements(tmp_path, python, example, call, answer):
    environment = eut.Environment("python")
    built = environment.build(environment.folder / "examples" / example, tmp_path)
    assert built.status == 0, built.output
    assert python().load_folder(built.package, "main.app").call(*call).text == answer


def test_without_its_variables_it_says_how_it_is_used():
    command = str(pathlib.Path(eut.ROOT) / "python/builder/build")
    env = {name: value for name, value in os.environ.items() if name not in ("SRC_PKG", "DEPLOY_PKG")}
    done = subprocess.run([command], env=env, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and "SRC_PKG and DEPLOY_PKG must be set" in done.stderr
