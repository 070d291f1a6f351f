import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import pods  # noqa: E402


def pytest_sessionstart(session):
    if not os.environ.get("KUBECONFIG"):
        pytest.exit("KUBECONFIG names no cluster; `test/run cluster` brings one up and runs these tests", 1)
    try:
        pods.kubectl("get", "--raw", "/readyz")
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        pytest.exit(f"the cluster does not answer: {error}", 1)


@pytest.fixture(scope="session")
def restricted():
    """A namespace of its own that enforces PodSecurity `restricted`."""
    name = f"hearth-test-{os.getpid()}"
    pods.make_restricted_namespace(name)
    yield name
    pods.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def make_pod(restricted):
    """make_pod(image, **options) starts a pod of an environment with its runner; all end with the test."""
    made = []

    def make(image, **options):
        made.append(pods.FunctionPod(restricted, image, **options))
        return made[-1]

    yield make
    for pod in made:
        pod.delete()
