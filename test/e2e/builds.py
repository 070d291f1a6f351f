"""A language environment for the tests of builds: Python's loader, and a builder that is a shell script led by its source."""

import json
import os
import pathlib
import shutil
import zipfile

from hearth_daemon import ROOT

BUILD = """#!/bin/sh
# Leads: the file `mode` of the source says what happens.
set -eu
echo "$HEARTH_BUILD_CACHE" > /dev/null
echo run >> "$HEARTH_BUILD_CACHE/runs-$(cat name)"
echo "step one"
case "$(cat mode)" in
fail)
    echo "main.tiny:3: undefined: x" >&2
    exit 3 ;;
gate)
    # A sleep with a number of its own, so that the test finds it among the processes.
    while [ ! -e "$HEARTH_BUILD_CACHE/go-$(cat name)" ]; do sleep 0.0517; done
    echo "step two" ;;
sleep)
    sleep 4829.5 ;;
esac
mkdir "$DEPLOY_PKG"
cp main.py "$DEPLOY_PKG/"
echo "step three"
"""

ENV = """name: tiny
image: test/tiny-env
images: ["*/tiny-env*"]
extensions: [.tiny]
command: [/usr/bin/python3, "${ENV_DIR}/server.py"]
env: {PYTHONUNBUFFERED: "1", PYTHONDONTWRITEBYTECODE: "1"}
env_at_load: true
builder:
  image: test/tiny-builder
  command: ["${ENV_DIR}/build.sh"]
"""

MAIN = "import os\ndef main():\n    return '{answer} ' + str(os.getpid())\n"


def environments_folder(folder):
    """The shipped Python environment and the tiny one beside it."""
    for name in ("python", "tiny"):
        shutil.copytree(ROOT / "env-images/python", folder / name,
                        ignore=shutil.ignore_patterns("tests", "examples", "__pycache__", "conformance", ".prepared"))
    prepared = ROOT / "env-images/python/.prepared"
    if prepared.exists():
        (folder / "python/.prepared").symlink_to(prepared)
    (folder / "tiny/env.yaml").write_text(ENV)
    script = folder / "tiny/build.sh"
    script.write_text(BUILD)
    script.chmod(0o755)
    return folder


def configuration(folder, environments, **build):
    file = folder / "hearth.yaml"
    file.write_text(json.dumps({"process": {"environmentsFolder": str(environments)}, "build": build}))
    return file


def environment(builder=True):
    spec = {"version": 3, "runtime": {"image": "test/tiny-env"}, "poolsize": 1}
    if builder:
        spec["builder"] = {"image": "test/tiny-builder", "command": "build"}
    return {"apiVersion": "hearth/v1", "kind": "Environment", "metadata": {"name": "tiny"}, "spec": spec}


def source_package(name, mode="ok", answer="hello"):
    files = {"main.py": MAIN.format(answer=answer), "mode": mode, "name": name}
    return {"apiVersion": "hearth/v1", "kind": "Package", "metadata": {"name": name},
            "spec": {"environment": {"name": "tiny"}, "source": {"type": "literal", "files": files}}}


def cache_of(daemon):
    uid = daemon.api("GET", "/api/v1/namespaces/default/environments/tiny").json["metadata"]["uid"]
    return pathlib.Path(daemon.folder) / "build-cache" / uid


def runs_of(daemon, name):
    try:
        return (cache_of(daemon) / f"runs-{name}").read_text().count("run")
    except FileNotFoundError:
        return 0


def open_gate(daemon, name):
    (cache_of(daemon) / f"go-{name}").touch()


def has_process(word):
    """Whether some process has this word among its arguments."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if word in pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0"):
                    return True
            except (FileNotFoundError, ProcessLookupError):
                continue
    return False


def wheel(folder, name="greeting", version="1.0"):
    """A wheel made by hand, with one module."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as out:
        out.writestr(f"{name}.py", "WORD = 'from the wheel'\n")
        out.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        out.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        out.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return folder
