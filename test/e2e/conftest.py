import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from hearth_daemon import BINARY, Daemon  # noqa: E402


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing; build it first: cmake --preset release && cmake --build --preset release", 1)


@pytest.fixture(scope="session")
def shared():
    """A daemon for the tests that leave it as it was, each with names of its own."""
    daemon = Daemon().start()
    yield daemon
    daemon.close()


@pytest.fixture
def daemons():
    """daemons(...) makes a Daemon that is ended with the test."""
    made = []

    def make(**options):
        made.append(Daemon(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def daemon(daemons):
    """A fresh running daemon for one test."""
    return daemons().start()
