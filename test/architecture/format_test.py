"""C++ of src/ and test/ as .clang-format has it. `test/run format` runs this alone; `clang-format-14 -i FILE` mends a file."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = "clang-format-14"


def test_every_tracked_source_is_formatted():
    if shutil.which(TOOL) is None:
        pytest.skip(f"{TOOL} is not installed")
    tracked = subprocess.run(["git", "ls-files", "-z", "--", "src/*.?pp", "test/*.?pp"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [name for name in tracked.stdout.split("\0") if name and (ROOT / name).exists()]
    assert len(files) > 100
    done = subprocess.run([TOOL, "--dry-run", "-Werror", *files], cwd=ROOT, capture_output=True, text=True, check=False)
    deviating = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", done.stderr, re.MULTILINE)))
    assert done.returncode == 0, f"clang-format-14 -i {' '.join(deviating)}"
