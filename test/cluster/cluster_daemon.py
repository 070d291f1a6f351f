"""The daemon on this machine with its instances in the cluster's pods."""

import json
import os
import pathlib
import sys

import pods

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from documents import whole  # noqa: E402
from hearth_daemon import Daemon  # noqa: E402

INSTALLATION = "test"
RUNNER = pods.image("runner")
PYTHON = pods.image("python-env")
NODE = pods.image("nodejs-env")
FOREIGN = pods.image("foreign-env")
HELLO = "def main():\n    return 'hello from a pod\\n'\n"


def python(name, code=HELLO, **spec):
    return whole(name, code, image=PYTHON, **spec)


def answer_of(daemon, path, **more):
    answer = daemon.call(path, **more)
    assert answer.status == 200, (answer, daemon.log()[-4000:])
    return answer.text


def config_text(namespace, **kubernetes):
    section = {"kubeconfig": os.environ["KUBECONFIG"], "namespace": namespace, "installation": INSTALLATION,
               "runnerImage": RUNNER, "imagePullPolicy": "Never", "requestBudget": 200, **kubernetes}
    return json.dumps({"backend": "kubernetes", "kubernetes": section})


class ClusterDaemon(Daemon):
    def __init__(self, namespace, folder=None, **kubernetes):
        super().__init__(folder=folder)
        self.namespace = namespace
        config = self.folder / "hearth.yaml"
        config.write_text(config_text(namespace, **kubernetes))
        self.arguments = ["--config", str(config)]

    def pods(self, selector=""):
        """The live pods of this installation: name → object."""
        chosen = f"hearth.io/daemon={INSTALLATION}" + (f",{selector}" if selector else "")
        found = json.loads(pods.kubectl("-n", self.namespace, "get", "pods", "-l", chosen, "-o", "json"))["items"]
        return {one["metadata"]["name"]: one for one in found if "deletionTimestamp" not in one["metadata"]}

    def uids(self):
        return {one["metadata"]["uid"] for one in self.pods().values()}
