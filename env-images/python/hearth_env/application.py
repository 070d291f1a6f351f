"""The WSGI application of an instance: generic until code is loaded, the function's afterwards."""

import json
import os
import sys
import traceback

from hearth_env import function_app, loading, output, request_id

V1_PATH = "/userfunc/user"
LOADED_ALREADY = "Not a generic container: code is loaded already\n"
SPECIALIZE_LIMIT = 64 * 1024 * 1024
TEXT = [("Content-Type", "text/plain; charset=utf-8")]


class Instance:
    """Loads once; safe for concurrent requests because loading never yields before it has marked itself."""

    def __init__(self):
        self._flask = function_app.FunctionApp()  # takes milliseconds to make, so before code comes
        self._function = None
        self._loading = False
        self.serve_asgi = None  # set by the server: takes an ASGI application, and all connections from then on

    def forget(self):
        """Back to generic, for a rehearsal only: modules stay loaded."""
        self._function = None

    def __call__(self, environ, start_response):
        if self._function is not None and not is_platform(environ):
            return self._call(environ, start_response)
        return self._generic(environ, start_response)

    def _call(self, environ, start_response):
        try:
            return self._function(environ, start_response)
        except Exception as error:  # a WSGI application of the user's own
            response = function_app.report_failure(error)
            return response(environ, start_response)

    def _generic(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        if path == "/healthz" and method in ("GET", "HEAD"):
            return _answer(start_response, "200 OK", "ok\n")
        if method == "POST" and path in ("/specialize", "/v2/specialize"):
            status, text = self._specialize(environ, path == "/v2/specialize")
            more = [("Connection", "close")] if self._function is _moved else []
            return _answer(start_response, status, text, more)
        return _answer(start_response, "500 Internal Server Error",
                       "Generic container: no requests supported\n")

    def _specialize(self, environ, v2):
        if self._function is not None or self._loading:
            return "400 Bad Request", LOADED_ALREADY
        order, fault = _read_order(environ) if v2 else ({"filepath": V1_PATH, "functionName": ""}, None)
        if fault:
            return "400 Bad Request", fault + "\n"
        self._loading = True
        try:
            os.environ.update(order.get("env") or {})
            function = loading.load(order["filepath"], order.get("functionName") or "")
            if function_app.is_asgi(function):
                self.serve_asgi(function)
                self._function = _moved
            else:
                self._function = function_app.make_wsgi(function, self._flask)
        except loading.LoadError as error:
            print(error, file=sys.stderr)
            return "500 Internal Server Error", f"{error}\n"
        except Exception:
            return "500 Internal Server Error", traceback.format_exc()
        finally:
            self._loading = False
        return "200 OK", ""


def is_platform(environ):
    """Once code is loaded these are the platform's, unless the gateway passes on a caller's request."""
    path = environ.get("PATH_INFO", "/")
    if path not in ("/healthz", "/specialize", "/v2/specialize") or "HTTP_X_FISSION_FUNCTION_NAME" in environ:
        return False
    return environ["REQUEST_METHOD"] in (("GET", "HEAD") if path == "/healthz" else ("POST",))


def _read_order(environ):
    body = environ["wsgi.input"].read(SPECIALIZE_LIMIT)
    try:
        order = json.loads(body or b"null")
    except ValueError as error:
        return None, f"the body is not JSON: {error}"
    if not isinstance(order, dict):
        return None, "the body must be a JSON object with filepath and functionName"
    if not isinstance(order.get("filepath"), str) or not order["filepath"]:
        return None, "filepath must be the path of the code"
    if not isinstance(order.get("functionName") or "", str):
        return None, "functionName must be a text such as main.main"
    env = order.get("env") or {}
    if not isinstance(env, dict) or not all(isinstance(v, str) for v in env.values()):
        return None, "env must be an object of texts"
    return order, None


def _answer(start_response, status, text, more=()):
    body = text.encode("utf-8", "replace")
    start_response(status, TEXT + [("Content-Length", str(len(body))), *more])
    return [body]


def _moved(environ, start_response):
    """For a request on a connection of before an ASGI application was loaded: new ones reach it."""
    return _answer(start_response, "503 Service Unavailable", "The function is served on new connections\n",
                   [("Connection", "close"), ("Retry-After", "0")])


class Traced:
    """Marks the request that runs, so that its output lines get its id, until its last byte is produced."""

    def __init__(self, application):
        self._application = application

    def __call__(self, environ, start_response):
        rid = request_id.from_environ(environ)
        request_id.begin(rid)
        try:
            body = self._application(environ, start_response)
        except BaseException:
            _end(rid)
            raise
        if isinstance(body, (list, tuple)):
            _end(rid)
            return body
        return _Body(body, rid)


class _Body:
    def __init__(self, body, rid):
        self._body = body
        self._parts = iter(body)
        self._rid = rid

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return next(self._parts)
        except StopIteration:
            raise
        except Exception as error:
            function_app.report_failure(error)
            raise

    def close(self):
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            _end(self._rid)


def _end(rid):
    output.finish(rid)
    request_id.end(rid)
