"""Packages in a bucket: a real daemon and a real S3-compatible server that checks signatures and digests."""

import shutil

import documents
import pytest
import s3_server
from hearth_daemon import until

CODE = "def main():\n    return {!r}\n"


@pytest.fixture(scope="module")
def program():
    path, why_not = s3_server.program()
    if path is None:
        pytest.skip(why_not)
    return path


@pytest.fixture
def bucket(program):
    server = s3_server.S3Server(program).start()
    yield server
    server.close()


def configured(daemons, tmp_path, server, secret=s3_server.SECRET, folder=None, **settings):
    """A daemon whose archives are in the bucket, below team/x/."""
    keys = tmp_path / "credentials"
    keys.write_text(f"[default]\naws_access_key_id = {s3_server.KEY}\naws_secret_access_key = {secret}\n")
    lines = {"endpoint": server.endpoint, "bucket": server.bucket, "prefix": "team/x/", "credentialsFile": keys, "timeout": "5s",
             **settings}
    config = tmp_path / "hearth.yaml"
    config.write_text("archives:\n  store: s3\n  s3:\n" + "".join(f"    {k}: {v}\n" for k, v in lines.items()))
    return daemons(arguments=["--config", config], folder=folder)


def digest_of(daemon, name):
    package = daemon.api("GET", f"/api/v1/namespaces/default/packages/{name}").json
    return package["spec"]["deployment"]["url"].removeprefix("archive://")


def test_code_is_in_the_bucket_and_comes_back_to_an_empty_disk(daemons, tmp_path, bucket):
    daemon = configured(daemons, tmp_path, bucket).start()
    daemon.apply(documents.whole("kept", CODE.format("from the bucket")))
    assert daemon.call("/kept").text == "from the bucket"
    assert bucket.objects("team/x") == [digest_of(daemon, "kept")]
    daemon.terminate()
    shutil.rmtree(daemon.folder / "archives")
    daemon.start()
    assert daemon.call("/kept").text == "from the bucket"
    assert "fetched an archive" in daemon.log()
    assert (daemon.folder / "archives" / digest_of(daemon, "kept")).is_file()
    assert s3_server.SECRET not in daemon.log()


def test_uploads_downloads_and_collection(daemons, tmp_path, bucket):
    daemon = configured(daemons, tmp_path, bucket).start()
    large = bytes(range(256)) * 4096 * 8
    uploaded = daemon.api("POST", "/api/v1/archives", large, "application/octet-stream")
    assert uploaded.status in (200, 201), uploaded
    digest = uploaded.json["digest"]
    assert (bucket.folder / bucket.bucket / "team/x" / digest).read_bytes() == large
    (daemon.folder / "archives" / digest).unlink()
    got = daemon.api("GET", f"/api/v1/archives/{digest}")
    assert got.status == 200 and got.body == large
    daemon.apply(documents.whole("named", CODE.format("one")))
    other = bucket.folder / bucket.bucket / "team/x/notes.txt"
    other.write_text("of somebody else")
    collected = daemon.api("POST", "/api/v1/archives/collect")
    assert collected.status == 200 and collected.json["removed"] == 1, collected
    assert bucket.objects("team/x") == sorted([digest_of(daemon, "named"), "notes.txt"])
    assert daemon.api("GET", f"/api/v1/archives/{digest}").status == 404


def test_packages_of_the_disk_go_to_the_bucket_as_they_are_used(daemons, tmp_path, bucket):
    daemon = daemons().start()
    daemon.apply(documents.whole("older", CODE.format("of the disk")))
    digest = digest_of(daemon, "older")
    daemon.terminate()
    moved = configured(daemons, tmp_path, bucket, folder=daemon.folder).start()
    assert moved.call("/older").text == "of the disk"
    assert moved.api("GET", f"/api/v1/archives/{digest}").status == 200
    assert bucket.objects("team/x") == [digest]


def test_while_the_store_is_away_warm_code_is_served_and_deploys_say_so(daemons, tmp_path, bucket):
    daemon = configured(daemons, tmp_path, bucket, timeout="2s").start()
    daemon.apply(documents.whole("warm", CODE.format("warm")))
    assert daemon.call("/warm").text == "warm"
    bucket.stop()
    refused = daemon.api("POST", "/api/v1/apply", documents.whole("late", CODE.format("late")))
    assert refused.status in (503, 504), refused
    assert bucket.bucket in refused.text and "archive store" in refused.text
    assert daemon.call("/warm").text == "warm"
    daemon.terminate()
    daemon.start()  # what the disk has is enough to serve
    assert daemon.call("/warm").text == "warm"
    assert "does not answer" in daemon.log()
    bucket.start()
    daemon.apply(documents.whole("late", CODE.format("late")))
    assert daemon.call("/late").text == "late"
    assert len(bucket.objects("team/x")) == 2


def test_damage_in_the_bucket_is_told_and_not_run(daemons, tmp_path, bucket):
    daemon = configured(daemons, tmp_path, bucket).start()
    daemon.apply(documents.whole("whole", CODE.format("good")))
    digest = digest_of(daemon, "whole")
    daemon.terminate()
    shutil.rmtree(daemon.folder / "archives")
    (bucket.folder / bucket.bucket / "team/x" / digest).write_bytes(b"def main():\n    return 'evil'\n")
    daemon.start()
    answer = daemon.call("/whole")
    assert answer.status >= 500 and "damaged" in answer.text, answer
    daemon.apply(documents.whole("whole", CODE.format("good again")))
    assert until(lambda: daemon.call("/whole").text == "good again", "the mended function")


@pytest.mark.parametrize("change, said", [
    ({"secret": "wrong"}, ["403", "SignatureDoesNotMatch", "credentials"]),
    ({"bucket": "absent"}, ["absent", "404", "must exist"]),
    ({"endpoint": "http://127.0.0.1:1/path"}, ["archives.s3.endpoint"]),
    ({"credentialsFile": "/nowhere/keys"}, ["/nowhere/keys"]),
])
def test_a_store_that_cannot_be_used_ends_the_start(daemons, tmp_path, bucket, change, said):
    daemon = configured(daemons, tmp_path, bucket, **change).launch()
    assert daemon.process.wait(30) != 0
    assert all(word in daemon.log() for word in said), daemon.log()
