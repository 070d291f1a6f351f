"""A language environment as its env.yaml describes it: how it is started, checked, and how its packages are built."""

import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parent
BUILD_LIMIT = 600
CHECK_LIMIT = 60
# Kept between runs, as the daemon keeps it between builds.
CACHES = pathlib.Path(os.environ.get("HEARTH_TEST_BUILD_CACHE", ROOT.parent / "build/env-build-cache"))
INTERPRETERS = {"python": "HEARTH_TEST_PYTHON", "nodejs": "HEARTH_TEST_NODE"}
# Files of conformance/ that say how the tests use it; they are no part of the package.
NOT_PACKAGED = ("entry.txt", "limits.yaml", "build", "broken", "raises")


class Missing(AssertionError):
    """What env.yaml's check asks for is not installed; the text is its remedy."""


class Built:
    """What a build printed, how it ended, and what it made."""

    def __init__(self, status, output, package):
        self.status = status
        self.output = output
        self.package = package


class Environment:
    def __init__(self, name):
        self.name = name
        self.folder = ROOT / name
        self.spec = yaml.safe_load((self.folder / "env.yaml").read_text(encoding="utf-8"))

    def _words(self, words):
        words = [words] if isinstance(words, str) else words
        return [str(word).replace("${ENV_DIR}", str(self.folder)) for word in words]

    @property
    def command(self):
        command = self._words(self.spec["command"])
        other = os.environ.get(INTERPRETERS.get(self.name, ""))
        return [other, *command[1:]] if other else command

    @property
    def env(self):
        return {name: self._words([value])[0] for name, value in self.spec.get("env", {}).items()}

    @property
    def builder(self):
        return self.spec.get("builder") or {}

    @property
    def tcp(self):
        return self.spec.get("listen") == "tcp"

    def ensure_installed(self, builder=False):
        """Raises Missing with the remedy when the check of env.yaml, or of its builder section, fails."""
        part, what = (self.builder, "builder") if builder else (self.spec, "runtime")
        command = self._words(part.get("check") or [])
        fault = _fault_of(tuple(command), self.folder) if command else ""
        if fault:
            remedy = self._words([part.get("check_remedy", "env.yaml names no check_remedy")])[0]
            raise Missing(f"the {what} of {self.name} is not installed ({fault}); remedy: {remedy}")

    def build(self, source, scratch):
        """Runs the build command as the daemon does, on a copy of the folder `source`."""
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="build-", dir=scratch))
        package, folder = scratch / "deploy", scratch / "source"
        copy_package(source, folder)
        for name in ("home", "tmp"):
            (scratch / name).mkdir()
        cache = CACHES / self.name
        cache.mkdir(parents=True, exist_ok=True)
        settings = {name: self._words([value])[0] for name, value in self.builder.get("env", {}).items()}
        env = {**_registry_settings(), **settings, "SRC_PKG": str(folder), "DEPLOY_PKG": str(package),
               "HEARTH_BUILD_CACHE": str(cache), "HOME": str(scratch / "home"), "TMPDIR": str(scratch / "tmp")}
        command = self._words(self.builder.get("command") or ["${ENV_DIR}/builder/build"])
        done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=BUILD_LIMIT, check=False)
        return Built(done.returncode, done.stdout.decode("utf-8", "backslashreplace"), package)


@functools.lru_cache(maxsize=None)
def _fault_of(command, folder):
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=CHECK_LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    said = done.stderr.strip() or done.stdout.strip()
    return said.splitlines()[-1] if said else f"its check ends with {done.returncode}"


def _registry_settings():
    """What this machine says about the way to its package registries; all else is the build's own."""
    prefixes = ("PIP_", "NPM_CONFIG_", "npm_config_", "GOPROXY", "GONOSUM", "GOSUMDB", "GOFLAGS", "SSL_", "NODE_EXTRA_CA", "MAVEN_",
                "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "REQUESTS_CA", "CURL_CA")
    kept = {name: value for name, value in os.environ.items() if name.startswith(prefixes)}
    return {**kept, "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


def copy_package(source, target):
    """The files of a conformance or starter folder that make up the package."""
    source = pathlib.Path(source)
    shutil.copytree(source, target, symlinks=True,
                    ignore=lambda folder, names: [n for n in names if pathlib.Path(folder) == source and n in NOT_PACKAGED])


def digest(path):
    """One digest over names, modes and contents of a file or folder: equal digests are byte-same packages."""
    path = pathlib.Path(path)
    total = hashlib.sha256()
    for entry in [path, *sorted(path.rglob("*"))]:
        kind = f"-> {os.readlink(entry)}" if entry.is_symlink() else f"{entry.stat().st_mode & 0o111:o}"
        total.update(f"{entry.relative_to(path)} {kind}\n".encode())
        if entry.is_file() and not entry.is_symlink():
            total.update(hashlib.sha256(entry.read_bytes()).digest())
    return total.hexdigest()
