import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import environment_under_test as eut  # noqa: E402
import runtime_under_test as rut  # noqa: E402
from conformance_package import LANGUAGES, Conformance  # noqa: E402


@pytest.fixture
def start_environment():
    """Starts instances of any environment: start_environment("go", json_log=False, env={...})."""
    started = []

    def start(name, **options):
        environment = eut.Environment(name)
        try:
            environment.ensure_installed()
        except eut.Missing as missing:
            pytest.fail(str(missing), pytrace=False)
        runtime = rut.Runtime(environment.command, base_env=environment.env, tcp=environment.tcp, **options)
        started.append(runtime)
        return runtime

    yield start
    for runtime in started:
        runtime.close()


def _fixture_of(name):
    @pytest.fixture
    def start(start_environment):
        return lambda **options: start_environment(name, **options)
    return start


# Named as in python(json_log=False): each starts instances of its environment.
python = _fixture_of("python")
node = _fixture_of("nodejs")


@pytest.fixture(scope="module", params=LANGUAGES)
def conformance(request):
    try:
        package = Conformance(request.param)
    except eut.Missing as missing:
        pytest.fail(str(missing), pytrace=False)
    yield package
    package.close()


@pytest.fixture
def able(conformance):
    """able("concurrency") skips the test where the language says why it cannot."""
    def check(behaviour):
        reason = conformance.limits.get(behaviour)
        if reason:
            pytest.skip(f"{conformance.name}: {reason}")
    return check


@pytest.fixture
def function(conformance):
    """A loaded instance that tests share; they leave it idle."""
    return conformance.shared()


@pytest.fixture
def fresh(conformance):
    """Starts instances of the test's own: fresh() with the function loaded, fresh(loaded=False) generic."""
    started = []

    def start(loaded=True, **options):
        runtime = conformance.start(**options)
        started.append(runtime)
        return conformance.load(runtime) if loaded else runtime

    yield start
    for runtime in started:
        runtime.close()
