"""Resources for the tests."""


def environment(name="python", image="hearth/python-env", **spec):
    return {"apiVersion": "hearth/v1", "kind": "Environment", "metadata": {"name": name},
            "spec": {"version": 3, "runtime": {"image": image}, "poolsize": 1, **spec}}


def package(name, files, env="python"):
    return {"apiVersion": "hearth/v1", "kind": "Package", "metadata": {"name": name},
            "spec": {"environment": {"name": env}, "deployment": {"type": "literal", "files": files}}}


def function(name, entry="main.main", env="python", pkg=None, **spec):
    return {"apiVersion": "hearth/v1", "kind": "Function", "metadata": {"name": name},
            "spec": {"environment": {"name": env},
                     "package": {"functionName": entry, "packageref": {"name": pkg or name}}, **spec}}


def route(name, url, target=None, **spec):
    return {"apiVersion": "hearth/v1", "kind": "HTTPTrigger", "metadata": {"name": name},
            "spec": {"relativeurl": url, "methods": spec.pop("methods", ["GET", "POST"]),
                     "functionref": {"type": "name", "name": target or name}, **spec}}


def whole(name, code, url=None, env="python", file="main.py", entry="main.main", image="hearth/python-env", **spec):
    """Everything for one function that answers on `url` (default: /NAME)."""
    return [environment(env, image), package(name, {file: code}, env), function(name, entry, env, **spec),
            route(name, url or f"/{name}")]


def node_function(name, code, **more):
    return whole(name, code, env="nodejs", file="index.js", entry="", image="hearth/nodejs-env", **more)
