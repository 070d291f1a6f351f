"""The builder: dependencies, TypeScript and other build scripts, byte-same output, failures in npm's own words."""

import json
import os
import subprocess

import pytest

import environment_under_test as eut

CODE = "const slugify = require('slugify'); module.exports = async () => ({body: slugify('some words')});\n"


def manifest(**more):
    return json.dumps({"name": "f", "version": "1.0.0", "private": True, **more})


@pytest.fixture
def build(tmp_path):
    """build({path: text}) → what the builder did with it."""
    environment = eut.Environment("nodejs")
    environment.ensure_installed(builder=True)

    def run(files):
        source = tmp_path / "source"
        for name, text in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text)
        return environment.build(source, tmp_path)
    return run


def test_dependencies_are_installed_and_the_package_runs(build, node):
    built = build({"index.js": CODE, "package.json": manifest(dependencies={"slugify": "1.6.6"})})
    assert built.status == 0, built.output
    assert "there is no package-lock.json" in built.output
    assert node().load_folder(built.package).call().text == "some-words"


def test_a_lock_file_decides_and_a_rebuild_is_byte_same_without_a_network(build, monkeypatch):
    files = {"index.js": CODE, "package.json": manifest(dependencies={"slugify": "^1.0.0"})}
    lock = {"name": "f", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": {
        "": {"name": "f", "version": "1.0.0", "dependencies": {"slugify": "^1.0.0"}},
        "node_modules/slugify": {"version": "1.6.5"}}}
    files["package-lock.json"] = json.dumps(lock)
    first = build(files)
    assert first.status == 0, first.output
    assert json.loads((first.package / "node_modules/slugify/package.json").read_text())["version"] == "1.6.5"
    monkeypatch.setenv("npm_config_offline", "true")
    second = build(files)
    assert second.status == 0, second.output
    assert eut.digest(first.package) == eut.digest(second.package)


def test_typescript_is_compiled_by_the_build_script_and_left_out_afterwards(build, node):
    files = {
        "src/index.ts": "import slugify from 'slugify';\ninterface Context { request: { path: string } }\n"
                        "export default async (context: Context) => ({ body: slugify('of ' + context.request.path.slice(1)) });\n",
        "tsconfig.json": json.dumps({"compilerOptions": {"outDir": "dist", "module": "commonjs", "target": "es2022", "strict": True,
                                                         "esModuleInterop": True}, "include": ["src"]}),
        "package.json": manifest(main="dist/index.js", scripts={"build": "tsc"}, dependencies={"slugify": "1.6.6"},
                                 devDependencies={"typescript": "5.4.5"})}
    built = build(files)
    assert built.status == 0, built.output
    assert not (built.package / "node_modules/typescript").exists()
    assert node().load_folder(built.package).call("GET", "/types").text == "of-types"

    files["src/index.ts"] = "const n: number = 'text';\nexport default n;\n"
    failed = build(files)
    assert failed.status != 0
    assert "src/index.ts(1,7): error TS2322" in failed.output, "the compiler's own words"


@pytest.mark.parametrize("files, words", [
    ({"package.json": "{nope"}, "JSON"),
    ({"package.json": manifest(dependencies={"slugify": "0.0.77"})}, "No matching version found for slugify@0.0.77"),
    ({"package.json": manifest(scripts={"build": "echo building; exit 3"})}, "building"),
])
def test_failures_are_npms_own(build, files, words):
    built = build({"index.js": CODE, **files})
    assert built.status != 0 and words in built.output


def test_sources_alone(build, node):
    built = build({"index.js": "module.exports = () => 'plain'"})
    assert built.status == 0 and "there is no package.json" in built.output
    assert node().load_folder(built.package).call().text == "plain"


def test_the_starter_builds_and_answers(tmp_path, node):
    environment = eut.Environment("nodejs")
    built = environment.build(environment.folder / "starter", tmp_path)
    assert built.status == 0, built.output
    assert node().load_folder(built.package).call("GET", "/?name=A%20B").json == {"greeting": "Hello, A B!", "slug": "a-b"}


@pytest.mark.parametrize("example, call, answer", [
    ("typescript", ("GET", "/?numbers=1,2,39"), {"sum": 42}),
    ("express", ("POST", "/", b'{"note": "n"}', {"Content-Type": "application/json"}), {"index": 0}),
])
def test_examples_with_a_package_json(tmp_path, node, example, call, answer):
    environment = eut.Environment("nodejs")
    built = environment.build(environment.folder / "examples" / example, tmp_path)
    assert built.status == 0, built.output
    assert node().load_folder(built.package).call(*call).json == answer


def test_a_registry_of_ones_own_is_asked_with_its_token(tmp_path):
    """Only the settings are looked at: npm prints them without asking anybody."""
    script = (eut.ROOT / "nodejs/builder/build").read_text(encoding="utf-8").split("\nhas_script()")[0]
    probe = tmp_path / "probe"
    probe.write_text(script + '\nuse_registry\nnpm config get registry\ncat "$npm_config_userconfig"\n')
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SRC_PKG": "/x", "DEPLOY_PKG": "/y",
           "NPM_REGISTRY": "https://npm.example.org/team/", "NPM_TOKEN": "secret"}
    done = subprocess.run(["bash", str(probe)], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["https://npm.example.org/team/", "//npm.example.org/team/:_authToken=${NPM_TOKEN}"]
