"""What the tests of queue triggers share."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import documents  # noqa: E402


def trigger(kind, topic, name="q", function="f", metadata=None, **spec):
    return {"apiVersion": "hearth/v1", "kind": "MessageQueueTrigger", "metadata": {"name": name},
            "spec": {"messageQueueType": kind, "topic": topic, "functionref": {"type": "name", "name": function},
                     "metadata": metadata or {}, **spec}}


def reporting(sink, body="report(request.get_data(as_text=True))", **spec):
    """A function that tells the sink of each call."""
    code = f"from flask import request\n{sink.code}\ndef main():\n    {body}\n    return 'done'\n"
    return documents.whole("f", code, **spec)


def status(daemon, name="q"):
    return daemon.api("GET", f"/api/v1/namespaces/default/messagequeuetriggers/{name}").json.get("status", {})


def state(daemon, name="q"):
    return status(daemon, name).get("state")
