"""What the Go builder accepts and what it makes of it."""

import importlib.util
import pathlib

import pytest

_spec = importlib.util.spec_from_file_location("go_support", pathlib.Path(__file__).with_name("support.py"))
support = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(support)
HEAD, HELLO, build, package = support.HEAD, support.HELLO, support.build, support.package

CONTEXT = HELLO.replace("import (", 'import (\n\t"context"').replace("(w http", "(c context.Context, w http")
VARIABLE = HEAD + 'var Handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "one") })\n'
FUNC_VARIABLE = HEAD + 'var Handler = func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "one") }\n'
POINTER = HEAD + """type server struct{}

func (*server) ServeHTTP(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "one") }

var Handler server
"""
LATE = HEAD + """var Handler http.Handler

func init() { Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "one") }) }
"""
TWO = HELLO + 'func Other(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "two") }\n\nvar Version = "1"\n'
EMBED = """package main

import (
	_ "embed"
	"net/http"
)

//go:embed greeting.txt
var greeting []byte

func Handler(w http.ResponseWriter, r *http.Request) { w.Write(greeting) }
"""
READ = HELLO.replace('fmt.Fprint(w, "one")', 'text, err := os.ReadFile("data/text.txt"); fmt.Fprint(w, string(text), err)').replace(
    '"net/http"', '"net/http"\n\t"os"')


@pytest.mark.parametrize("files, entry, wanted", [
    ({"hello.go": HELLO}, "Handler", "one"),
    ({"hello.go": HELLO}, "", "one"),
    ({"hello.go": HELLO}, "main.Handler", "one"),
    ({"hello.go": CONTEXT}, "Handler", "one"),
    ({"hello.go": VARIABLE}, "Handler", "one"),
    ({"hello.go": FUNC_VARIABLE}, "Handler", "one"),
    ({"hello.go": POINTER}, "Handler", "one"),
    ({"hello.go": LATE}, "", "one"),
    ({"hello.go": HELLO.replace("Handler", "Only")}, "", "one"),
    ({"hello.go": TWO}, "Other", "two"),
    ({"hello.go": HELLO + "func main() {}\n"}, "", "one"),
    ({"hello.go": HELLO.replace("package main", "package hello")}, "", "one"),
    ({"go.mod": "module example.com/a/b\n\ngo 1.19\n", "hello.go": HELLO.replace('"one"', "inner.Text").replace(
        '"net/http"', '"net/http"\n\n\t"example.com/a/b/inner"'), "inner/inner.go": 'package inner\n\nconst Text = "one"\n'}, "", "one"),
    ({"go.mod": "module old\n\ngo 1.13\n", "hello.go": HELLO}, "", "one"),
    ({"hello.go": EMBED, "greeting.txt": "embedded"}, "", "embedded"),
    ({"hello.go": READ, "data/text.txt": "beside "}, "", "beside <nil>"),
    ({"hello.go": HELLO, "hello_test.go": "package main\n\nfunc broken( {"}, "", "one"),
], ids=range(17))
def test_sources_that_serve(start_environment, tmp_path, files, entry, wanted):
    answer = start_environment("go").load_folder(package(tmp_path, files), entry).call()
    assert (answer.status, answer.text) == (200, wanted)


@pytest.mark.parametrize("files, wanted", [
    ({"hello.go": HELLO.replace("fmt.Fprint(w", "fmt.Fprint(x")}, ["hello.go:8:", "undefined: x"]),
    ({"hello.go": HELLO.replace("{", "{{", 1)}, ["hello.go:9:", "syntax error"]),
    ({"hello.go": "package main\n\nfunc handler() {}\n"}, ["exports no entry point", "func Handler("]),
    ({"a.go": HELLO, "b.go": "package other\n"}, ["two packages: main in a.go and other in b.go"]),
    ({"README.md": "no source"}, ["there is no Go source file in the top folder"]),
    ({"hello.go": HELLO, "hearth.json": "{}"}, ["hearth.json: the builder makes a file or folder of this name"]),
    ({"go.mod": "module x\n\nfrobnicate 1\n", "hello.go": HELLO}, ["go.mod:3:", "frobnicate"]),
])
def test_sources_that_do_not_build_are_refused_with_the_reason(tmp_path, files, wanted):
    built = build(tmp_path, files)
    assert built.status != 0
    for part in wanted:
        assert part in built.output


def test_the_package_holds_the_program_and_what_is_no_source(tmp_path):
    built = package(tmp_path, {"hello.go": HELLO, "inner/inner.go": "package inner\n", "templates/page.html": "<p>", "go.mod": "module x\n\ngo 1.19\n"})
    names = sorted(str(path.relative_to(built)) for path in built.rglob("*") if path.is_file())
    assert names == ["function", "hearth.json", "templates/page.html"]


def test_the_same_source_in_another_folder_makes_the_same_bytes(tmp_path):
    files = {"hello.go": TWO, "data.txt": "x"}
    first, second = package(tmp_path, files, "a"), package(tmp_path, files, "elsewhere/b")
    assert support.eut.digest(first) == support.eut.digest(second)


def test_libraries_come_from_vendor_without_a_network(start_environment, tmp_path):
    files = {
        "go.mod": "module x\n\ngo 1.19\n\nrequire example.com/lib v1.0.0\n",
        "hello.go": HELLO.replace('"one"', "lib.Text").replace('"net/http"', '"net/http"\n\n\t"example.com/lib"'),
        "vendor/modules.txt": "# example.com/lib v1.0.0\n## explicit; go 1.19\nexample.com/lib\n",
        "vendor/example.com/lib/lib.go": 'package lib\n\nconst Text = "vendored"\n',
    }
    assert start_environment("go").load_folder(package(tmp_path, files)).call().text == "vendored"


def test_libraries_come_from_the_registry(start_environment, tmp_path):
    files = {
        "go.mod": "module x\n\ngo 1.19\n\nrequire golang.org/x/text v0.3.8\n",
        "hello.go": HELLO.replace('"one"', 'cases.Upper(language.German).String("straße")').replace(
            '"net/http"', '"net/http"\n\n\t"golang.org/x/text/cases"\n\t"golang.org/x/text/language"'),
    }
    assert start_environment("go").load_folder(package(tmp_path, files)).call().text == "STRASSE"


EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"


@pytest.mark.parametrize("name, entry, path, wanted", [
    ("hello.go", "", "/", "Hello, world!\n"),
    ("router.go", "Router", "/time", '{"now":"20'),
    ("server.go", "", "/", "served by a program of its own\n"),
])
def test_examples(start_environment, tmp_path, name, entry, path, wanted):
    built = package(tmp_path, {name: (EXAMPLES / name).read_text(encoding="utf-8")})
    assert start_environment("go").load_folder(built, entry).call("GET", path).text.startswith(wanted)


def test_starter(start_environment, tmp_path):
    folder = EXAMPLES.parent / "starter"
    built = package(tmp_path, {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()})
    assert start_environment("go").load_folder(built, "Handler").call("GET", "/?name=you").text == "Hello, you!\n"
