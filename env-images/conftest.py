import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import runtime_under_test as rut  # noqa: E402


def _factory(command):
    started = []

    def start(**options):
        runtime = rut.Runtime(command, **options)
        started.append(runtime)
        return runtime

    return start, started


@pytest.fixture
def python():
    """Starts instances of the Python environment: python(), python(json_log=False) …"""
    start, started = _factory(rut.PYTHON)
    yield start
    for runtime in started:
        runtime.close()


@pytest.fixture
def node():
    """Starts instances of the Node.js environment."""
    start, started = _factory(rut.NODE)
    yield start
    for runtime in started:
        runtime.close()
