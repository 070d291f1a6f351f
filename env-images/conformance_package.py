"""The conformance function of one language: built once, started as often as tests need."""

import pathlib
import shutil
import tempfile

import yaml

import environment_under_test as eut
import runtime_under_test as rut

LANGUAGES = sorted(path.parents[1].name for path in eut.ROOT.glob("*/conformance/entry.txt"))


class Conformance:
    # What a language may say it cannot do, and what README.md's table says about it.
    BEHAVIOURS = {
        "methods": "every HTTP method reaches the function",
        "response_streaming": "the answer leaves piece by piece",
        "request_streaming": "the request's body is read while it arrives",
        "large_request": "100 MiB request bodies",
        "large_response": "100 MiB answers",
        "concurrency": "several requests at once in one instance",
        "overlapping_log_ids": "log lines of overlapping requests keep their ids",
        "stdout_log": "standard output is in the log",
        "trace": "an exception's trace names file and line",
        "load_error": "code that does not compile is refused at deploy",
        "load_exception": "an exception at load is answered with its trace",
        "env_at_load": "variables of the function",
        "drain": "SIGTERM lets running calls finish",
        "drain_limit": "SIGTERM ends calls that never return after HEARTH_DRAIN_SECONDS",
        "reproducible_build": "the same source builds to the same bytes",
    }

    def __init__(self, name):
        self.name = name
        self.environment = eut.Environment(name)
        self.environment.ensure_installed()
        self.folder = self.environment.folder / "conformance"
        self.entry = _text(self.folder / "entry.txt")
        self.limits = read_limits(self.folder)
        self.is_built = (self.folder / "build").exists()
        self.sources = self.source_names(self.folder)
        self._scratch = pathlib.Path(tempfile.mkdtemp(prefix=f"conformance-{name}-"))
        self._shared = None
        try:
            self.package = self._make_package(self.folder)
        except BaseException:
            self.close()
            raise
        self.package_digest = eut.digest(self.package)

    def _make_package(self, source):
        if not self.is_built:
            target = pathlib.Path(tempfile.mkdtemp(dir=self._scratch)) / "code"
            eut.copy_package(source, target)
            return target
        built = self._build(source)
        assert built.status == 0, f"{source} does not build:\n{built.output}"
        return built.package

    def _build(self, source):
        self.environment.ensure_installed(builder=True)
        built = self.environment.build(source, self._scratch)
        assert built.status != 0 or built.package.exists(), f"the build succeeded and made no DEPLOY_PKG:\n{built.output}"
        return built

    def build_again(self):
        return self._build(self.folder).package

    def start(self, **options):
        return rut.Runtime(self.environment.command, base_env=self.environment.env, tcp=self.environment.tcp, **options)

    def load(self, runtime, **more):
        return runtime.load_folder(self.package, self.entry, **more)

    def shared(self):
        if self._shared is None or self._shared.process.poll() is not None:
            self._close_shared()
            self._shared = self.load(self.start())
        return self._shared

    def try_load(self, runtime, name):
        """Builds and loads conformance/NAME: (what the build printed or None, the answer or None when the build failed)."""
        source = self.folder / name
        built = self._build(source) if self.is_built else None
        if built is not None and built.status != 0:
            return built, None
        package = built.package if built else self._make_package(source)
        entry = source / "entry.txt"
        return built, runtime.specialize(package, _text(entry) if entry.exists() else self.entry)

    @staticmethod
    def source_names(folder):
        """Names of the files that make up a package, those that its traces may mention."""
        ignored = {folder / name for name in eut.NOT_PACKAGED}
        return sorted({path.name for path in folder.rglob("*")
                       if path.is_file() and not ignored & {path, *path.parents} and path.suffix not in (".txt", ".json", ".yaml", ".md")})

    def names_a_source(self, text):
        return any(name in text for name in self.sources)

    def _close_shared(self):
        if self._shared is not None:
            self._shared.close()
            self._shared = None

    def close(self):
        self._close_shared()
        shutil.rmtree(self._scratch, ignore_errors=True)


def read_limits(folder):
    path = folder / "limits.yaml"
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


def _text(path):
    return path.read_text(encoding="utf-8").strip()
