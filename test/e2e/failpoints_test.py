"""kill -9 of the daemon at any point of a deploy: acknowledged writes are whole, others wholly there or absent."""

import http.client
import os
import shutil

import pytest

import documents
from hearth_daemon import until

# Points are hit a handful of times per step, so numbers up to 200 reach every one of several deployments.
LAST = int(os.environ.get("HEARTH_FAILPOINT_LAST", "200"))
DEPLOYS = 40


def set_of(number):
    """One deployment: four objects that only make sense together, and a second version of them."""
    name = f"part-{number}"
    return documents.whole(name, f"def main(): return 'version {number}'\n", file="main.py")


def seed(daemon):
    daemon.apply(set_of(0))
    assert daemon.call("/part-0").text == "version 0"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data folder with one deployment, copied for each case: starting from nothing would hit the same first points only."""
    from hearth_daemon import Daemon
    folder = tmp_path_factory.mktemp("failpoints") / "seed"
    folder.mkdir()
    daemon = Daemon(folder=folder).start()
    seed(daemon)
    assert daemon.terminate() == 0
    daemon.log_path.unlink()
    return folder


def deploy_until_killed(daemon):
    """Applies deployments one after the other. Returns the acknowledged ones and whether the daemon fell."""
    acknowledged = []
    for number in range(1, DEPLOYS):
        try:
            answer = daemon.api("POST", "/api/v1/apply", set_of(number))
            if answer.status == 200:
                acknowledged.append(number)
            removed = daemon.api("DELETE", f"/api/v1/namespaces/default/functions/part-{number - 2}") if number > 3 else None
            if removed is not None and removed.status == 200:
                acknowledged.append(-(number - 2))
        except (OSError, http.client.HTTPException):
            return acknowledged, True
    return acknowledged, False


def state_of(daemon, number):
    """How many of the objects of a deployment are there."""
    name = f"part-{number}"
    return sum(daemon.api("GET", f"/api/v1/namespaces/default/{kind}/{name}").status == 200
               for kind in ("functions", "packages", "httptriggers"))


def check(daemon, acknowledged, calls):
    gone = {-n for n in acknowledged if n < 0}
    for number in range(DEPLOYS):
        count = state_of(daemon, number)
        assert count in (0, 3), f"deployment {number} is half there: {count} of 3 objects"
        if number in gone:
            assert count == 0, f"deployment {number} was deleted and is there"
        elif number in acknowledged and number + 2 not in range(1, DEPLOYS) or number in acknowledged and -number not in acknowledged:
            if count == 0:
                # Its deletion may have been written without being acknowledged: only the very last one can.
                assert number >= max((n for n in acknowledged if n > 0), default=0) - 2, f"acknowledged deployment {number} is lost"
    newest = max((n for n in acknowledged if n > 0), default=0)
    if calls and state_of(daemon, newest) == 3:
        assert daemon.call(f"/part-{newest}").text == f"version {newest}"


@pytest.mark.parametrize("block", range(0, LAST, 20))
def test_kill_at_each_point(daemons, prepared, tmp_path, block):
    fell = 0
    for point in range(block + 1, min(block + 20, LAST) + 1):
        folder = tmp_path / f"data-{point}"
        shutil.copytree(prepared, folder, symlinks=True, ignore=shutil.ignore_patterns("run"))
        daemon = daemons(folder=folder)
        daemon.launch({"HEARTH_FAILPOINTS": f"*=kill@{point}"})
        acknowledged, died = [], daemon_died_or_ready(daemon)
        if not died:
            acknowledged, died = deploy_until_killed(daemon)
        if died:
            fell += 1
            assert daemon.process.wait(60) == -9, daemon.log()[-2000:]
        else:
            assert daemon.terminate() == 0
        daemon.start()
        calls = point % 10 == 0  # a runtime takes a second to start, so not each time
        check(daemon, acknowledged, calls)
        assert not calls or daemon.call("/part-0").text == "version 0"
        processes = daemon.processes()
        assert daemon.terminate() == 0
        until(lambda p=processes: not any(os.path.exists(f"/proc/{pid}/exe") for pid in p), "the end of every process")
        daemon.close()
        shutil.rmtree(folder)
    assert fell or block > 100, "no failpoint was reached"


def daemon_died_or_ready(daemon):
    """True when the daemon fell at start already."""
    def settled():
        if daemon.process.poll() is not None:
            return "died"
        return "ready" if daemon._endpoints_known() and daemon._ready() else None
    return until(settled, "readiness or the end") == "died"
