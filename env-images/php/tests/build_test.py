"""builder/build: composer packages of a path repository, syntax notes, same bytes."""

import json
import shutil

import pytest

import environment_under_test as eut


@pytest.fixture
def build(tmp_path):
    environment = eut.Environment("php")
    try:
        environment.ensure_installed(builder=True)
    except eut.Missing as missing:
        pytest.fail(str(missing), pytrace=False)
    return lambda files: environment.build(write(tmp_path / "code", files), tmp_path)


def write(folder, files):
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


LIBRARY = {
    "packages/shout/composer.json": json.dumps({"name": "app/shout", "version": "1.2.0", "autoload": {"psr-4": {"Shout\\": "src/"}}}),
    "packages/shout/src/Shout.php": "<?php namespace Shout; final class Shout { static function up($t) { return strtoupper($t); } }",
    "composer.json": json.dumps({"require": {"app/shout": "^1.0"},
                                 "repositories": [{"type": "path", "url": "packages/shout"}, {"packagist.org": False}]}),
    "index.php": "<?php function handler($c) { return Shout\\Shout::up('built'); }",
}


def test_a_dependency_is_installed_and_found_by_the_function(build, start_environment):
    built = build(LIBRARY)
    assert built.status == 0, built.output
    assert not (built.package / "vendor/app/shout").is_symlink()
    assert start_environment("php").load_folder(built.package).call().text == "BUILT"


def test_the_same_source_makes_the_same_bytes(build):
    first, second = build(LIBRARY), build(LIBRARY)
    assert (first.status, second.status) == (0, 0), first.output
    assert eut.digest(first.package) == eut.digest(second.package)


def test_a_dependency_that_does_not_exist_fails_with_composers_words(build):
    built = build({**LIBRARY, "composer.json": json.dumps({"require": {"app/gone": "^1.0"}, "repositories": [{"packagist.org": False}]})})
    assert built.status != 0 and "app/gone" in built.output


def test_syntax_errors_are_shown_and_sources_alone_are_a_package(build):
    built = build({"index.php": "<?php\necho 'fine';", "other.php": "<?php\necho 'a' 'b';"})
    assert built.status == 0 and "other.php on line 2" in built.output
    assert (built.package / "index.php").read_text() == "<?php\necho 'fine';"
