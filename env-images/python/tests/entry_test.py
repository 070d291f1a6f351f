"""Entry points: which function of which module is meant."""

import pathlib

import pytest


@pytest.mark.parametrize("files, entry, wanted", [
    ({"main.py": "def main(): return 'a'"}, "", "a"),
    ({"main.py": "def run(): return 'b'"}, "run", "b"),
    ({"hello.py": "def go(): return 'c'", "main.py": ""}, "hello.go", "c"),
    ({"pkg/__init__.py": "", "pkg/mod.py": "from .other import X\ndef f(): return X", "pkg/other.py": "X='d'"},
     "pkg.mod.f", "d"),
    ({"pkg/__init__.py": "def f(): return 'e'"}, "pkg.f", "e"),
    ({"plain/deep.py": "def f(): return 'namespace'"}, "plain.deep.f", "namespace"),
    ({"hello.py": "def main(): return 'sole file'"}, "", "sole file"),
    ({"hello.py": "def main(): return 'sole file'"}, "main", "sole file"),
    ({"secrets.py": "def main(): return 'not the standard one'"}, "secrets.main", "not the standard one"),
    ({"server.py": "import loading\ndef main(): return loading.X", "loading.py": "X='mine'"}, "server.main", "mine"),
    ({"main.py": "import sub.deep\ndef main(): return sub.deep.X", "sub/__init__.py": "", "sub/deep.py": "X='f'"}, "", "f"),
    ({"main.py": "class C:\n  def __call__(self): return 'callable'\nmain = C()"}, "", "callable"),
    ({"main.py": "import flask\napp = flask.Flask('x')\n@app.get('/')\ndef i(): return 'whole app'"}, "main.app", "whole app"),
    ({"main.py": "def app(environ, start):\n  start('200 OK', [])\n  return [b'wsgi']"}, "app", "wsgi"),
    ({"main.py": "def main(context): return context.request.method + context.method"}, "", "GETGET"),
    ({"main.py": "async def main():\n  import asyncio\n  await asyncio.sleep(0)\n  return 'async'"}, "", "async"),
    ({"main.py": "def main(): return open('data.txt').read()", "data.txt": "beside the code"}, "", "beside the code"),
])
def test_entry_points(python, files, entry, wanted):
    runtime = python().load(files, entry)
    answer = runtime.call()
    assert (answer.status, answer.text) == (200, wanted)


@pytest.mark.parametrize("entry", ["", "main", "whatever.main"])
def test_single_file_is_the_module_whatever_its_name(python, entry):
    runtime = python()
    path = pathlib.Path(runtime.code({"user": "def main(): return __file__"})) / "user"
    assert runtime.specialize(path, entry).status == 200
    assert runtime.call().text == str(path)


def test_code_in_a_read_only_folder_is_left_alone(python):
    runtime = python()
    folder = pathlib.Path(runtime.code({"main.py": "import helper\ndef main(): return helper.X", "helper.py": "X = 'x'"}))
    assert runtime.specialize(folder).status == 200
    assert sorted(p.name for p in folder.iterdir()) == ["helper.py", "main.py"]
