"""The repository's files, for the architecture tests."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tracked():
    """Paths relative to the root: what git tracks and what it would track."""
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                         capture_output=True, check=True).stdout.decode()
    return sorted(p for p in map(pathlib.Path, filter(None, out.split("\0"))) if (ROOT / p).is_file())


def cpp_files(*tops):
    return [p for p in tracked() if p.parts[0] in tops and p.suffix in (".cpp", ".hpp")]


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def module_edges():
    """hearth_module(name edges...) lines of src/CMakeLists.txt."""
    lines = re.findall(r"^hearth_module\(([^)]*)\)", text_of(pathlib.Path("src/CMakeLists.txt")), re.MULTILINE)
    return {words[0]: set(words[1:]) for words in (line.split() for line in lines)}


def below(module, edges):
    """Every module that `module` may include, itself among them."""
    seen, todo = set(), [module]
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo.extend(edges.get(one, ()))
    return seen
