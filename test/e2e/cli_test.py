"""Every verb of the command line, its forms of output and its exit codes."""

import json
import subprocess

import pytest
import yaml

import documents
from hearth_daemon import BINARY

DONE, FAILED, USAGE, NOT_FOUND, REFUSED, UNREACHABLE = range(6)


@pytest.fixture(scope="module")
def ready(shared):
    shared.apply(documents.whole("cliful", "from flask import request\n"
                                 "def main():\n    print('called')\n    return request.method + ' ' + request.get_data(as_text=True)"))
    return shared


def test_get_in_every_form(ready):
    table = ready.cli_ok("get", "functions").out
    assert "NAME" in table.splitlines()[0].upper() and "cliful" in table
    wide = ready.cli_ok("get", "functions", "-o", "wide").out
    assert len(wide.splitlines()[0]) > len(table.splitlines()[0])
    listed = ready.cli_ok("get", "functions", "-o", "json").json
    assert "cliful" in [i["metadata"]["name"] for i in listed["items"]]
    assert "cliful" in [i["metadata"]["name"] for i in yaml.safe_load(ready.cli_ok("get", "functions", "-o", "yaml").out)["items"]]
    assert any(line.endswith("cliful") and line.lower().startswith("function")
               for line in ready.cli_ok("get", "functions", "-o", "name").out.splitlines())
    one = ready.cli_ok("get", "function", "cliful", "-o", "json").json
    assert (one["kind"], one["metadata"]["name"]) == ("Function", "cliful")


@pytest.mark.parametrize("kind", ["environments", "packages", "functions", "httptriggers", "secrets", "configmaps", "apitokens"])
def test_get_knows_every_kind(ready, kind):
    ready.cli_ok("get", kind)
    assert isinstance(ready.cli_ok("get", kind, "-o", "json").json["items"], list)


@pytest.mark.parametrize("short", ["fn", "pkg", "env", "function", "Function", "httptrigger"])
def test_kinds_have_short_and_single_names(ready, short):
    ready.cli_ok("get", short)


def test_what_get_prints_as_yaml_applies_again(ready):
    text = ready.cli_ok("get", "function", "cliful", "-o", "yaml").out
    outcome = ready.cli_ok("apply", "-f", "-", stdin=text)
    assert "unchanged" in outcome.out


def test_describe_shows_the_whole_picture(ready):
    ready.call("/cliful")
    text = ready.cli_ok("describe", "function", "cliful").out
    for part in ("cliful", "python", "/cliful", "main.main"):
        assert part in text


def test_call_sends_method_body_and_headers(ready):
    assert ready.cli_ok("call", "cliful").out.strip() == "GET"
    assert ready.cli("call", "missing").code == NOT_FOUND


def test_apply_from_standard_input_file_and_folder(ready, tmp_path):
    text = yaml.safe_dump_all(documents.whole("piped", "def main(): return 'piped'"))
    assert "created" in ready.cli_ok("apply", "-f", "-", stdin=text).out
    assert ready.call("/piped").text == "piped"
    path = tmp_path / "all.yaml"
    path.write_text(text)
    assert "unchanged" in ready.cli_ok("apply", "-f", path).out
    assert "unchanged" in ready.cli_ok("apply", "-f", tmp_path).out


def test_diff_names_the_changed_field(ready, tmp_path):
    docs = documents.whole("differs", "def main(): return ''")
    ready.apply(docs)
    docs[2]["spec"]["concurrency"] = 7
    path = tmp_path / "d.yaml"
    path.write_text(yaml.safe_dump_all(docs))
    outcome = ready.cli("diff", "-f", path)
    assert outcome.code in (DONE, FAILED)
    assert "concurrency" in outcome.out and "7" in outcome.out
    assert ready.api("GET", "/api/v1/namespaces/default/functions/differs").json["spec"].get("concurrency") != 7


def test_validate_names_every_fault_with_its_place(ready, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("apiVersion: hearth/v1\nkind: Function\nmetadata: {name: Bad_Name}\nspec:\n  concurency: 3\n"
                    "  environment: {name: python}\n")
    outcome = ready.cli("validate", "-f", path)
    assert outcome.code == REFUSED, outcome
    text = outcome.out + outcome.err
    assert "bad.yaml:5" in text and "concurency" in text and "concurrency" in text
    assert "bad.yaml:3" in text and "metadata.name" in text


def test_delete_says_what_went_and_what_is_missing(ready):
    ready.apply(documents.whole("todelete", "def main(): return ''"))
    outcome = ready.cli_ok("delete", "function", "todelete")
    assert "todelete" in outcome.out
    assert ready.cli("delete", "function", "todelete").code == NOT_FOUND
    assert ready.cli("get", "function", "todelete").code == NOT_FOUND


def test_delete_refuses_what_is_in_use(ready):
    outcome = ready.cli("delete", "environment", "python")
    assert outcome.code == REFUSED and "cliful" in outcome.err


def test_top_and_doctor(ready):
    ready.call("/cliful")
    assert "python" in ready.cli_ok("top").out
    text = ready.cli("doctor").out
    for part in ("sandbox", "memory", "python"):
        assert part in text


def test_version_and_help_name_every_verb(ready):
    assert ready.cli("version").code == DONE or ready.cli("--version").code == DONE
    text = ready.cli_ok("--help").out
    for verb in ("serve", "deploy", "apply", "diff", "validate", "get", "describe", "delete", "call", "logs", "top", "doctor",
                 "completion"):
        assert verb in text
        ready.cli_ok(verb, "--help")


@pytest.mark.parametrize("arguments", [
    ["nonsense"], ["get"], ["get", "functions", "-o", "xml"], ["deploy"], ["apply"], ["call"], ["logs"], ["get", "spaceships"],
])
def test_wrong_usage_is_exit_code_2(ready, arguments):
    outcome = ready.cli(*arguments)
    assert outcome.code == USAGE, outcome
    assert outcome.err and not outcome.out


def test_unreachable_daemon_and_wrong_token_are_exit_code_5(ready, tmp_path):
    nobody = ready.cli("get", "functions", "--api", "127.0.0.1:1")
    assert nobody.code == UNREACHABLE and "127.0.0.1:1" in nobody.err
    wrong = ready.cli("get", "functions", "--api", ready.api_address, "--token", "nope")
    assert wrong.code == UNREACHABLE, wrong
    empty = ready.cli("get", "functions", env={"HEARTH_DATA": str(tmp_path)})
    assert empty.code == UNREACHABLE and "hearth serve" in empty.err


def test_daemon_and_token_come_from_variables_too(ready, tmp_path):
    outcome = ready.cli("get", "functions", env={"HEARTH_DATA": str(tmp_path), "HEARTH_API": ready.api_address,
                                                 "HEARTH_TOKEN": ready.token})
    assert outcome.code == DONE and "cliful" in outcome.out


def test_output_into_a_pipe_has_no_colours(ready):
    for arguments in (["get", "functions"], ["describe", "function", "cliful"], ["doctor"], ["top"]):
        outcome = ready.cli(*arguments, env={"TERM": "xterm-256color"})
        assert "\x1b[" not in outcome.out + outcome.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(ready, shell, tmp_path):
    outcome = ready.cli("completion", shell)
    assert outcome.code == DONE, outcome
    assert "hearth" in outcome.out and "deploy" in outcome.out
    if shell == "bash":
        script = tmp_path / "completion.bash"
        script.write_text(outcome.out)
        subprocess.run(["bash", "-n", script], check=True, timeout=60)
        probe = f'. {script}; complete -p hearth'
        done = subprocess.run(["bash", "-c", probe], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0 and "hearth" in done.stdout, done


def test_serve_check_prints_the_effective_configuration(tmp_path):
    config = tmp_path / "hearth.yaml"
    config.write_text("executor: {queuePerFunction: 7}\n")
    done = subprocess.run([BINARY, "serve", "--check", "--config", config], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["executor"]["queuePerFunction"] == 7
    config.write_text("executor: {queuePerFunktion: 7}\n")
    done = subprocess.run([BINARY, "serve", "--check", "--config", config], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "queuePerFunktion" in done.stderr and "queuePerFunction" in done.stderr.replace("queuePerFunktion", "")


def test_a_second_daemon_on_the_same_data_is_refused(ready):
    done = subprocess.run([BINARY, "serve", "--data", ready.folder, "--gateway", "127.0.0.1:0", "--api", "127.0.0.1:0"],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert str(ready.folder) in done.stderr
    assert ready.call("/cliful").status == 200


def test_an_address_beyond_loopback_without_auth_is_refused(tmp_path):
    done = subprocess.run([BINARY, "serve", "--data", tmp_path / "d", "--gateway", "127.0.0.1:0", "--api", "0.0.0.0:0"],
                          capture_output=True, text=True, check=False, timeout=60,
                          env={"PATH": "/usr/bin:/bin", "HEARTH_AUTH__REQUIRED": "false"})
    assert done.returncode in (1, 2)
    assert "allowUnauthenticatedBeyondLoopback" in done.stderr


def test_a_wrong_address_of_serve_is_told_by_its_flag(shared):
    outcome = shared.cli("serve", "--gateway", "nonsense", "--check")
    assert outcome.code == 2 and outcome.err.startswith('hearth serve: --gateway: "nonsense" is no address'), outcome
