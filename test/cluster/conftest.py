import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import pods  # noqa: E402
from cluster_daemon import INSTALLATION, ClusterDaemon  # noqa: E402
from control_plane import Program, await_api_server  # noqa: E402


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


@pytest.fixture
def daemon(restricted):
    """A daemon of its own; its pods are gone when the next test begins."""
    one = ClusterDaemon(restricted).start()
    yield one
    one.close()
    pods.kubectl("-n", restricted, "delete", "deployments,pods", "-l", f"hearth.io/daemon={INSTALLATION}", "--force",
                 "--grace-period=0")


@pytest.fixture
def program():
    """program(name): one of the cluster's own programs. It runs again when the test has ended, whatever became of it."""
    taken = []

    def take(name):
        taken.append(Program(name))
        return taken[-1]

    yield take
    for one in taken:
        one.mend()
    if taken:
        await_api_server()
