"""Includes follow the module graph of src/CMakeLists.txt; other people's types stay out of include/."""

import re
import sys

import pytest

sys.path.insert(0, __file__.rsplit("/", 1)[0])
from sources import below, cpp_files, module_edges, text_of  # noqa: E402

EDGES = module_edges()
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
FOREIGN = re.compile(r"^(sqlite3|yaml-cpp/|boost/beast|archive(_entry)?\.h|CLI/|spdlog/|sodium|librdkafka|nats|openssl/|seccomp)")


def module_of(path):
    """src/M/… and include/hearth/M/… belong to M."""
    return path.parts[1] if path.parts[0] == "src" else path.parts[2]


def test_the_graph_has_no_cycle():
    for module, edges in EDGES.items():
        assert all(module not in below(edge, EDGES) for edge in edges), f"{module} is below itself"


def test_every_module_folder_is_in_the_graph():
    folders = {module_of(p) for p in cpp_files("src") if len(p.parts) > 2} | \
        {module_of(p) for p in cpp_files("include") if len(p.parts) > 3}
    assert folders <= set(EDGES), folders - set(EDGES)


@pytest.mark.parametrize("path", cpp_files("src", "include"), ids=str)
def test_includes_go_down(path):
    module = module_of(path)
    if module == "precompiled.hpp":
        return
    allowed = below(module, EDGES)
    for target in INCLUDE.findall(text_of(path)):
        parts = target.split("/")
        if parts[0] == "hearth" and len(parts) > 2:
            assert parts[1] in allowed, f"{path} includes {target}, but {module} has no edge to {parts[1]}"
        elif len(parts) > 1 and parts[0] in EDGES:
            assert parts[0] == module, f"{path} includes {target}, which is private to {parts[0]}"


@pytest.mark.parametrize("path", cpp_files("include"), ids=str)
def test_public_headers_show_no_foreign_types(path):
    foreign = [t for t in INCLUDE.findall(text_of(path)) if FOREIGN.match(t)]
    assert not foreign, f"{path} includes {foreign}; keep such types in a .cpp"
