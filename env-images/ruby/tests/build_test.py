"""builder/build: gems of vendor/cache, with and without Gemfile.lock, kept bundles, same bytes."""

import os
import shutil
import subprocess

import pytest

import environment_under_test as eut

GEMSPEC = """
Gem::Specification.new do |spec|
  spec.name = 'shout'
  spec.version = '1.2.0'
  spec.summary = 'Shouts'
  spec.authors = ['nobody']
  spec.date = '2020-01-01'
  spec.files = %w[lib/shout.rb ext/extconf.rb ext/shout.c]
  spec.extensions = %w[ext/extconf.rb]
end
"""
EXTENSION = """
#include <ruby.h>
static VALUE length(VALUE self, VALUE text) { return LONG2NUM(RSTRING_LEN(text)); }
void Init_shout_native(void) { rb_define_module_function(rb_define_module("ShoutNative"), "size", length, 1); }
"""
GEM = {
    "shout.gemspec": GEMSPEC,
    "lib/shout.rb": "require 'shout_native'\nmodule Shout\n  def self.up(text) = text.upcase + ShoutNative.size(text).to_s\nend\n",
    "ext/extconf.rb": "require 'mkmf'\ncreate_makefile('shout_native')\n",
    "ext/shout.c": EXTENSION,
}
SOURCE = {
    "Gemfile": "source 'https://gems.example/'\ngem 'shout', '~> 1.0'\n",
    "handler.rb": "require 'shout'\ndef handler\n  Shout.up('built')\nend\n",
}
LOCK = """GEM
  remote: https://gems.example/
  specs:
    shout (1.2.0)

PLATFORMS
  ruby

DEPENDENCIES
  shout (~> 1.0)
"""


@pytest.fixture(scope="module")
def gem_file(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("gem"), GEM)
    subprocess.run(["gem", "build", "shout.gemspec"], cwd=folder, check=True, capture_output=True, timeout=60,
                   env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"})
    return folder / "shout-1.2.0.gem"


@pytest.fixture
def build(tmp_path, monkeypatch):
    monkeypatch.setattr(eut, "CACHES", tmp_path / "caches")
    environment = eut.Environment("ruby")
    try:
        environment.ensure_installed(builder=True)
    except eut.Missing as missing:
        pytest.fail(str(missing), pytrace=False)

    def run(files, gem=None):
        folder = write(tmp_path / "code", files)
        if gem:
            (folder / "vendor/cache").mkdir(parents=True)
            shutil.copy(gem, folder / "vendor/cache")
        return environment.build(folder, tmp_path)

    run.cache = tmp_path / "caches/ruby"
    return run


def write(folder, files):
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("lock", [{}, {"Gemfile.lock": LOCK}], ids=["chosen", "locked"])
def test_a_vendored_gem_with_a_compiled_part_is_installed_and_found(build, gem_file, start_environment, lock):
    built = build({**SOURCE, **lock}, gem_file)
    assert built.status == 0, built.output
    assert "from vendor/cache alone" in built.output
    assert not (built.package / "vendor/cache").exists()
    assert start_environment("ruby").load_folder(built.package).call().text == "BUILT5"


def test_the_same_source_makes_the_same_bytes(build, gem_file):
    files = {**SOURCE, "Gemfile.lock": LOCK}
    files["handler.rb"] = "def handler = ''\n"
    first, second = build(files, gem_file), build(files, gem_file)
    assert (first.status, second.status) == (0, 0), first.output
    different = [path for path in first.package.rglob("*") if path.is_file() and path.suffix != ".so"
                 and path.read_bytes() != (second.package / path.relative_to(first.package)).read_bytes()]
    assert different == []


def test_a_gem_that_is_not_there_fails_with_bundlers_words(build, gem_file):
    built = build({**SOURCE, "Gemfile": "source 'https://gems.example/'\ngem 'gone'\n"}, gem_file)
    assert built.status != 0 and "gone" in built.output


def test_a_lock_file_that_does_not_fit_the_gemfile_is_refused(build, gem_file):
    built = build({**SOURCE, "Gemfile.lock": LOCK, "Gemfile": SOURCE["Gemfile"] + "gem 'more'\n"}, gem_file)
    assert built.status != 0 and "Gemfile.lock" in built.output


def test_syntax_errors_are_shown_and_sources_alone_are_a_package(build):
    built = build({"handler.rb": "def handler = 'fine'\n", "other.rb": "def other(\n"})
    assert built.status == 0 and "other.rb:" in built.output and "syntax error" in built.output
    assert (built.package / "handler.rb").read_text() == "def handler = 'fine'\n"


def test_a_locked_bundle_is_taken_from_the_cache_the_next_time(build):
    files = {"Gemfile": "source 'https://gems.example/'\n", "handler.rb": "def handler = ''\n",
             "Gemfile.lock": "GEM\n  remote: https://gems.example/\n  specs:\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n"}
    first = build(files)
    assert first.status == 0, first.output
    assert len(list((build.cache / "bundles").iterdir())) == 1
    second = build(files)
    assert "taking the gems of before from the cache" in second.output
    assert eut.digest(first.package) == eut.digest(second.package)
