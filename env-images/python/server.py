#!/usr/bin/python3
"""One instance of the Python environment: `server.py` serves on HEARTH_LISTEN, else on 0.0.0.0:8888."""

import gevent.monkey

gevent.monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402

from hearth_env import application, listen, output, rehearsal, serving  # noqa: E402


def main():
    sys.dont_write_bytecode = True
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != own]
    instance = application.Instance()
    rehearsal.without_server(instance)
    try:
        listener = listen.open_listener(os.environ.get("HEARTH_LISTEN"))
    except (ValueError, OSError) as error:
        sys.exit(f"python environment: cannot listen on {os.environ.get('HEARTH_LISTEN') or listen.DEFAULT}: {error}")
    output.install()
    serving.Server(listener, instance).serve()


if __name__ == "__main__":
    main()
