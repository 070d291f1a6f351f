"""Secrets, config maps and variables of a function, at Fission's paths."""

import base64

import documents

READER = """
import os
def tree(top):
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            found[path] = open(path).read()
    return found
def main():
    return {"env": {k: v for k, v in os.environ.items() if k.startswith("MY_")},
            "secrets": tree("/secrets"), "configs": tree("/configs")}
"""


def secret(name, **values):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "data": {k: base64.b64encode(v.encode()).decode() for k, v in values.items()}}


def config_map(name, **values):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": values}


def settings_function(name, variables=None, **spec):
    docs = documents.whole(name, READER, **spec)
    if variables:
        docs[2]["spec"]["env"] = [{"name": key, "value": value} for key, value in variables.items()]
    return docs


def test_secrets_configmaps_and_variables_arrive(shared):
    shared.apply([secret("db", user="admin", password="hunter2"), config_map("conf", mode="fast"),
                  *settings_function("sees", secrets=[{"name": "db"}], configmaps=[{"name": "conf"}],
                                     variables={"MY_NAME": "grüß"})])
    seen = shared.call("/sees").json
    assert seen["env"] == {"MY_NAME": "grüß"}
    assert seen["secrets"] == {"/secrets/default/db/user": "admin", "/secrets/default/db/password": "hunter2"}
    assert seen["configs"] == {"/configs/default/conf/mode": "fast"}


def test_a_function_sees_only_what_it_names(shared):
    shared.apply([secret("other", key="value"), *settings_function("sees-nothing")])
    seen = shared.call("/sees-nothing").json
    assert (seen["secrets"], seen["configs"]) == ({}, {})


def test_a_changed_secret_reaches_the_next_instance(shared):
    shared.apply([secret("turns", key="old"), *settings_function("follows", secrets=[{"name": "turns"}])])
    assert shared.call("/follows").json["secrets"] == {"/secrets/default/turns/key": "old"}
    shared.apply([secret("turns", key="new")])
    assert shared.call("/follows").json["secrets"] == {"/secrets/default/turns/key": "new"}


def test_values_of_a_secret_are_never_listed(shared):
    shared.apply([secret("quiet", password="do-not-show")])
    encoded = base64.b64encode(b"do-not-show").decode()
    for path in ("/api/v1/secrets", "/api/v1/namespaces/default/secrets/quiet"):
        answer = shared.api("GET", path)
        assert answer.status == 200 and encoded not in answer.text and "do-not-show" not in answer.text
        assert "password" in answer.text
    for form in ("json", "yaml", "wide"):
        assert encoded not in shared.cli_ok("get", "secret", "quiet", "-o", form).out
    assert encoded in shared.api("GET", "/api/v1/namespaces/default/secrets/quiet?reveal=true").text
    assert "do-not-show" not in shared.log() and encoded not in shared.log()


def test_a_missing_secret_is_said_at_apply_or_at_the_call(shared):
    docs = settings_function("lacks", secrets=[{"name": "not-there"}])
    answer = shared.api("POST", "/api/v1/apply", docs)
    if answer.status == 200:
        called = shared.call("/lacks")
        assert called.status in (502, 503) and "not-there" in called.text
    else:
        assert answer.status in (409, 422) and "not-there" in answer.text


def test_deleting_a_secret_in_use_is_refused(shared):
    shared.apply([secret("held", key="v"), *settings_function("holds", secrets=[{"name": "held"}])])
    answer = shared.api("DELETE", "/api/v1/namespaces/default/secrets/held")
    assert answer.status == 409 and "holds" in answer.text


def test_changed_variables_replace_the_instance(shared):
    docs = settings_function("varies", variables={"MY_V": "1"})
    shared.apply(docs)
    assert shared.call("/varies").json["env"] == {"MY_V": "1"}
    docs[2]["spec"]["env"] = [{"name": "MY_V", "value": "2"}]
    shared.apply(docs)
    assert shared.call("/varies").json["env"] == {"MY_V": "2"}
