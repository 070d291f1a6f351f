"""The function as a Flask application: every method and path is its own."""

import asyncio
import contextvars
import inspect
import sys
import traceback

import flask
import gevent
from werkzeug.exceptions import HTTPException

from hearth_env import request_id


class FunctionRequest(flask.Request):
    """flask.request, also usable as the context of one-argument handlers (`context.request.args`)."""

    @property
    def request(self):
        return self

    @property
    def websocket(self):
        """The open websocket of an upgrade request, else None."""
        return self.environ.get("wsgi.websocket")


class FunctionApp(flask.Flask):
    request_class = FunctionRequest

    def __init__(self):
        super().__init__("function", static_folder=None, template_folder=None)
        self.call = None

    def create_url_adapter(self, request):
        return None  # no routes: nothing is to be matched, redirected or refused here

    def dispatch_request(self):
        return self.call()

    def handle_exception(self, error):
        """The trace belongs into the log, not to the caller."""
        return report_failure(error)


def report_failure(error):
    return flask.Response(log_failure(error), status=500, content_type="text/plain; charset=utf-8")


def log_failure(error):
    """Writes the trace and returns what the caller is told."""
    rid = request_id.current()
    sys.stderr.write("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    text = f"The function failed: {type(error).__name__}. Its log has the trace"
    return text + (f", request id {rid}.\n" if rid else ".\n")


def adapt(function):
    """A callable without arguments for `def main()`, `def main(context)` or `async def`; None for a WSGI application."""
    if isinstance(function, flask.Flask):
        return None
    wanted = _positional(function)
    if wanted >= 2:
        return None
    call = function if wanted == 0 else lambda: function(flask.request._get_current_object())
    if inspect.iscoroutinefunction(inspect.unwrap(function)):
        return lambda: _run_coroutine(call)
    return call


def is_asgi(function):
    """A coroutine function of scope, receive and send, an object that can be called as one, or a class of such calls."""
    if inspect.isclass(function):
        return hasattr(function, "__await__")
    call = getattr(type(function), "__call__", None)
    return (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)) and _positional(function) >= 3


def _positional(function):
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 0
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(1 for p in parameters if p.kind in plain and p.default is inspect.Parameter.empty)


def _run_coroutine(call):
    """asyncio allows one loop per system thread, and greenlets share one: each call gets a pool thread's loop."""
    context = contextvars.copy_context()
    return gevent.get_hub().threadpool.apply(context.run, (lambda: asyncio.run(call()),))


def make_wsgi(function, app):
    """The WSGI application that serves `function`: `app` with it inside, or the function itself if it is one."""
    app.call = adapt(function)
    return app.wsgi_app if app.call else function
