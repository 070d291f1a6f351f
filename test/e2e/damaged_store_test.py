"""A daemon that finds rows of its database unreadable serves the rest and says which."""

import json
import sqlite3

import documents
import pytest

HELLO = "def main():\n    return 'hello'\n"


def damage(daemon, statement):
    daemon.terminate()
    with sqlite3.connect(daemon.folder / "hearth.db") as database:
        assert database.execute(statement).rowcount == 1
    database.close()
    daemon.start()


@pytest.mark.parametrize("spec", ["'{'", "'[1]'", "'{}'", "''"])
def test_a_function_that_cannot_be_read_is_named_and_the_rest_is_served(daemon, spec):
    daemon.apply(documents.whole("good", HELLO) + documents.whole("bad", HELLO)[1:])
    damage(daemon, f"UPDATE object SET spec={spec} WHERE kind='Function' AND name='bad'")
    row = "the row of Function default/bad cannot be read"

    assert daemon.call("/good").text == "hello"
    refused = daemon.call("/bad")
    assert refused.status in (500, 503) and row in refused.json["detail"], refused
    assert row in daemon.log()

    path = "/api/v1/namespaces/default/functions"
    one = daemon.api("GET", path + "/bad")
    assert one.status == 500 and one.json["component"] == "store" and row in one.json["detail"], one
    assert daemon.api("PATCH", path + "/bad", {"spec": {"concurrency": 2}}, "application/merge-patch+json").status == 500
    listed = {item["metadata"]["name"]: item for item in daemon.api("GET", path).json["items"]}
    assert sorted(listed) == ["bad", "good"] and "spec" not in listed["bad"]
    assert row in json.dumps(listed["bad"]["status"])
    shown = daemon.cli_ok("get", "functions")
    assert "good" in shown.out and "bad" in shown.out
    doctor = daemon.cli("doctor")
    assert doctor.code == 1 and row in doctor.out, doctor

    daemon.apply(documents.whole("bad", HELLO)[1:])
    assert daemon.call("/bad").text == "hello"
    assert row not in daemon.cli("doctor").out
    daemon.terminate()
    daemon.start()
    assert daemon.call("/bad").text == "hello"


def test_what_depends_on_an_unreadable_package_is_refused_and_its_archive_is_kept(daemon):
    daemon.apply(documents.whole("good", HELLO) + documents.whole("bad", HELLO + "# bad\n")[1:])
    archives = len(daemon.api("GET", "/api/v1/archives").json["items"])
    damage(daemon, "UPDATE object SET labels='{' WHERE kind='Package' AND name='bad'")
    row = "the row of Package default/bad cannot be read"
    assert daemon.call("/good").text == "hello"
    refused = daemon.call("/bad")
    assert refused.status in (500, 503) and row in refused.json["detail"], refused
    swept = daemon.api("POST", "/api/v1/archives/collect?minAge=0s")
    assert swept.status != 200 or swept.json["removed"] == 0, swept
    assert len(daemon.api("GET", "/api/v1/archives").json["items"]) == archives
    assert daemon.api("DELETE", "/api/v1/namespaces/default/functions/bad").status == 200
    assert daemon.api("DELETE", "/api/v1/namespaces/default/packages/bad").status in (200, 404)
    assert "cannot be read" not in daemon.cli("doctor").out


def test_a_row_of_no_kind_and_an_unreadable_token(daemon):
    daemon.apply(documents.whole("good", HELLO))
    damage(daemon, "UPDATE object SET kind='Functoin' WHERE kind='Function' AND name='good'")
    assert daemon.call("/good").status in (404, 500, 503)
    doctor = daemon.cli("doctor")
    assert doctor.code != 0 and '"Functoin" default/good' in doctor.out, doctor
    token = daemon.api("POST", "/api/v1/namespaces/default/apitokens",
                       {"metadata": {"name": "other"}, "spec": {"role": "view"}}).json
    damage(daemon, "UPDATE object SET spec='{' WHERE kind='ApiToken' AND name='other'")
    text = next(value for key, value in token.items() if key == "token")
    assert daemon.api("GET", "/api/v1/functions", token=text).status == 401
    assert daemon.api("GET", "/api/v1/functions").status == 200
