#!/usr/bin/python3
"""Imports what an instance needs once, then forks instances on demand; see ../README.md for the protocol."""

import gevent.monkey

gevent.monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402

from hearth_env import application, confine, forking, rehearsal  # noqa: E402


def main():
    sys.dont_write_bytecode = True
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != own]
    try:
        control = int(os.environ.pop("HEARTH_ZYGOTE_FD"))
    except (KeyError, ValueError):
        sys.exit("zygote: HEARTH_ZYGOTE_FD must be the number of an inherited socket; the daemon sets it")
    confine.enter_own_pid_namespace()
    instance = application.Instance()
    rehearsal.without_server(instance)
    rehearsal.before_fork(instance)
    forking.Zygote(control, instance).run()


if __name__ == "__main__":
    main()
