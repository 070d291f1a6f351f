"""ASGI applications: uvicorn takes over the listening socket, on an event loop that shares the thread with the greenlets.

Imported only when such an application is loaded: uvicorn and asyncio cost more than a plain function's whole cold start.
"""

import asyncio
import logging
import os
import sys
import traceback

import gevent
import gevent.event
import greenlet
import uvicorn

from hearth_env import application, function_app, loading, output, request_id

NEVER = 10 * 365 * 24 * 3600  # the gateway closes idle connections, not the function
_OWN_LINES = os.path.dirname(uvicorn.__file__) + os.sep


class _Uvicorn(uvicorn.Server):
    """Says when it serves. SIGTERM is the process' business, not its."""

    def __init__(self, config, on_started):
        super().__init__(config)
        self._on_started = on_started

    def install_signal_handlers(self):
        """Of uvicorn before 0.29; later ones look for the main thread, which this is not."""

    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        self._on_started()


class Server:
    """Serves `app` on a copy of the listening socket; `on_end` is called when nothing of it runs any more."""

    def __init__(self, app, listener, on_end):
        self._app = _Traced(app)
        self._listener = listener
        self._on_end = on_end
        self._ready = gevent.event.Event()
        self._failure = ""
        self._uvicorn = None

    def start(self):
        """Returns when the application's start-up has finished. Raises LoadError with its trace."""
        _keep_event_loops_apart()
        gevent.spawn(self._run)
        self._ready.wait()
        if not self._uvicorn.started:
            raise loading.LoadError(self._app.failure or self._failure or "the application's start-up failed")

    def stop(self):
        """Accepts no more, finishes what runs, ends."""
        self._uvicorn.should_exit = True

    def _run(self):
        config = uvicorn.Config(self._app, loop="asyncio", lifespan="auto", log_config=None, access_log=False, proxy_headers=False,
                                server_header=False, timeout_keep_alive=NEVER, backlog=1024)
        logging.getLogger("uvicorn.error").addFilter(lambda record: not record.pathname.startswith(_OWN_LINES))
        self._uvicorn = _Uvicorn(config, self._ready.set)
        try:
            asyncio.run(self._uvicorn.serve(sockets=[self._listener]))
        except BaseException:
            self._failure = traceback.format_exc()
            print(self._failure, file=sys.stderr)
        finally:
            self._ready.set()
            if self._uvicorn.started:
                self._on_end()


def _keep_event_loops_apart():
    """asyncio knows one running loop per system thread; here each greenlet, which functions take for a thread, has its own."""
    running, run = asyncio._get_running_loop, asyncio._set_running_loop

    def on_switch(event, greenlets):
        origin, target = greenlets
        origin.running_loop = running()
        run(getattr(target, "running_loop", None))

    greenlet.settrace(on_switch)


class _Traced:
    """The application with request ids, the platform's own paths, and traces in the log."""

    def __init__(self, app):
        self._app = app
        self.failure = ""

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, self._watch_startup(send))
        if scope["type"] == "http" and _is_platform(scope):
            return await _answer_platform(scope, send)
        rid = _request_id(scope)
        request_id.begin(rid)
        try:
            return await self._call(scope, receive, send)
        finally:
            output.finish(rid)
            request_id.end(rid)

    async def _call(self, scope, receive, send):
        started = complete = False

        async def watched(message):
            nonlocal started, complete
            started = True
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            text = function_app.log_failure(error)
            if scope["type"] == "http" and not started:
                await _answer(send, 500, text)
            elif not complete:
                raise  # uvicorn cuts the connection off

    def _watch_startup(self, send):
        async def watched(message):
            if message["type"] == "lifespan.startup.failed":
                self.failure = message.get("message") or "the application's start-up failed"
            await send(message)
        return watched


def _headers(scope, *names):
    found = dict(scope["headers"])
    return next((found[name].decode("latin-1") for name in names if name in found), "")


def _request_id(scope):
    return _headers(scope, b"x-request-id", b"x-fission-request-id")


def _is_platform(scope):
    environ = {"REQUEST_METHOD": scope["method"], "PATH_INFO": scope["path"]}
    if _headers(scope, b"x-fission-function-name"):
        environ["HTTP_X_FISSION_FUNCTION_NAME"] = "set"
    return application.is_platform(environ)


async def _answer_platform(scope, send):
    if scope["path"] == "/healthz":
        await _answer(send, 200, "ok\n")
    else:
        await _answer(send, 400, application.LOADED_ALREADY)


async def _answer(send, status, text):
    body = text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
