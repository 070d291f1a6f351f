"""A full disk: writes answer 507, calls go on, everything heals when there is room again."""

import os
import subprocess

import pytest

import documents
from hearth_daemon import until


@pytest.fixture
def small_disk(tmp_path):
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", mount], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("cannot mount a tmpfs here")
    yield mount
    subprocess.run(["umount", "-l", mount], check=False)


def fill(folder):
    with open(folder / "ballast", "wb", buffering=0) as ballast:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    ballast.write(b"x" * size)
            except OSError:
                continue


def test_disk_full(daemons, small_disk):
    data = small_disk / "data"
    data.mkdir()
    daemon = daemons(folder=data)
    daemon.log_path = small_disk.parent / "daemon.log"
    daemon.start()
    daemon.apply(documents.whole("before", "def main(): return 'serves'"))
    assert daemon.call("/before").text == "serves"
    fill(small_disk)
    code = "def main(): return ''\n# " + os.urandom(200_000).hex()
    answer = daemon.api("POST", "/api/v1/apply", documents.whole("during", code))
    assert answer.status == 507, answer
    assert "space" in answer.text
    upload = daemon.api("POST", "/api/v1/archives", os.urandom(4 << 20), "application/octet-stream")
    assert upload.status == 507, upload
    for _ in range(20):
        assert daemon.call("/before").text == "serves"
    assert daemon.api("GET", "/api/v1/namespaces/default/functions/during").status == 404
    os.remove(small_disk / "ballast")
    until(lambda: daemon.api("POST", "/api/v1/apply", documents.whole("during", code)).status == 200, "healing")
    assert daemon.call("/during").status == 200
    assert daemon.terminate() == 0
    daemon.start()
    assert daemon.call("/before").text == "serves"
    assert daemon.call("/during").status == 200
    daemon.terminate()
