"""The completion scripts in the shells they are for."""

import os
import pty
import select
import shutil
import subprocess
import time

import pytest
from hearth_daemon import BINARY, LIMIT

CASES = [
    ("hearth dep", "deploy"),
    ("hearth get fun", "functions"),
    ("hearth completion z", "zsh"),
    ("hearth token cre", "create"),
    ("hearth deploy --rou", "--route"),
    ("hearth logs --foll", "--follow"),
    ("hearth apply -f hel", "hello.py"),
    ("hearth get functions -o ya", "yaml"),
]


def script(shell):
    return subprocess.run([BINARY, "completion", shell], capture_output=True, text=True, check=True).stdout


def environment(folder):
    return {"PATH": f"{BINARY.parent}:{os.environ['PATH']}", "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def home(tmp_path):
    (tmp_path / "hello.py").write_text("")
    for shell in ("bash", "zsh", "fish"):
        (tmp_path / f"_{shell}").write_text(script(shell))
    return tmp_path


def skip_without(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


@pytest.mark.parametrize("typed,wanted", CASES)
def test_fish(home, typed, wanted):
    skip_without("fish")
    done = subprocess.run(["fish", "--no-config", "-c", f"source _fish; complete -C '{typed}'"], cwd=home,
                          env=environment(home), capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.stderr == ""
    assert wanted in [line.split("\t")[0] for line in done.stdout.splitlines()], done.stdout


@pytest.mark.parametrize("typed,wanted", CASES)
def test_bash(home, typed, wanted):
    words = typed.split(" ")
    program = (f"source _bash; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _hearth; "
               "printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = subprocess.run(["bash", "--norc", "-c", program], cwd=home, env=environment(home), capture_output=True,
                          text=True, timeout=LIMIT, check=False)
    assert done.stderr == "" and wanted in done.stdout.split(), done


class Terminal:
    """An interactive shell on a terminal of its own."""

    def __init__(self, arguments, cwd, env):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(arguments, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.text = ""

    def send(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, mark):
        end = time.monotonic() + LIMIT
        while mark not in self.text:
            assert time.monotonic() < end, f"no {mark!r} in {self.text!r}"
            ready, _, _ = select.select([self.master], [], [], 0.2)
            if ready:
                self.text += os.read(self.master, 65536).decode("utf-8", "replace")
        before, self.text = self.text.split(mark, 1)
        return before

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.mark.parametrize("load", ["autoload -Uz compinit; compinit -u -D; source ./_zsh", "source ./_zsh",
                                  "fpath=($PWD/functions $fpath); autoload -Uz compinit; compinit -u -D"])
@pytest.mark.parametrize("typed,wanted", CASES)
def test_zsh(home, load, typed, wanted):
    skip_without("zsh")
    (home / "functions").mkdir()
    (home / "functions/_hearth").write_text(script("zsh"))
    terminal = Terminal(["zsh", "-f", "-i"], home, environment(home))
    try:
        # The widget prints the line as completion has left it.
        terminal.send("PS1=''; unsetopt zle_bracketed_paste; " + load + "\n"
                      "show() { print -r -- \"<<$BUFFER>>\"; BUFFER=''; zle .accept-line }\n"
                      "zle -N show; bindkey '^X' show; print READY''1\n")
        terminal.wait_for("READY1")
        terminal.send(typed + "\t\x18")
        terminal.wait_for("<<")
        line = terminal.wait_for(">>")
        whole = typed.rsplit(" ", 1)[0] + " " + wanted
        # Of "function" and "functions" it types what both begin with.
        assert line.rstrip() in (whole, whole.removesuffix("s")), line
    finally:
        terminal.close()
