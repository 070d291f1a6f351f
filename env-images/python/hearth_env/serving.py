"""gevent's WSGI server around an instance, with a drain on SIGTERM."""

import _socket
import os
import signal
import sys

import gevent
import gevent.event
from gevent import pywsgi, socket

from hearth_env import application, headers, loading, rehearsal

try:
    from geventwebsocket.handler import WebSocketHandler as _Base
except ImportError:
    _Base = pywsgi.WSGIHandler  # everything but websockets works without it

# The gateway has its own, stricter limits; a request that passed them must not fail here.
pywsgi.MAX_REQUEST_LINE = 64 * 1024

JOINED_LIMIT = 64 * 1024
_READ = 1  # libev's name for "readable"
DRAIN_SECONDS = 90  # what a pod gets by default


class Handler(_Base):
    """Counts the requests in work; a drained server answers them all and accepts no more."""

    _joined = None
    _busy = False

    def handle(self):
        self.server.handlers.add(self)
        try:
            super().handle()
        finally:
            self.server.handlers.discard(self)

    def leave_if_idle(self):
        """Ends a connection on which no request is in work."""
        if not self._busy and self.socket is not None:
            self.socket.shutdown(socket.SHUT_RDWR)

    def MessageClass(self, stream, *_):
        return headers.Headers(stream)

    def run_application(self):
        if "HTTP_UPGRADE" in self.environ:
            return super().run_application()
        return pywsgi.WSGIHandler.run_application(self)

    def _write_with_headers(self, data):
        """Head and first piece in one write: the reader wakes up once."""
        if len(data) > JOINED_LIMIT:
            return super()._write_with_headers(data)
        self._joined = []
        try:
            super()._write_with_headers(data)
        finally:
            joined, self._joined = b"".join(self._joined), None
        self._sendall(joined)

    def _sendall(self, data):
        if self._joined is None:
            super()._sendall(data)
        else:
            self._joined.append(bytes(data))

    def handle_one_response(self):
        server = self.server
        server.requests += 1
        self._busy = True
        try:
            return super().handle_one_response()
        finally:
            self._busy = False
            server.requests -= 1
            if server.draining or server.asgi:
                self.close_connection = True
                server.settle()

    def log_error(self, msg, *args):
        """A bad request of a peer is no event of the function's."""


class _Errors:
    """What pywsgi prints about exceptions is printed already, with the request's id."""

    def write(self, text):
        pass

    writelines = flush = write


class Server(pywsgi.WSGIServer):
    def __init__(self, listener, instance):
        plain = socket.socket(listener.family, listener.type, fileno=listener.detach())
        super().__init__(plain, application.Traced(instance), handler_class=Handler,
                         log=None, error_log=_Errors())
        self.instance = instance
        instance.serve_asgi = self.hand_over
        self.handlers = set()
        self.asgi = None
        self.requests = 0
        self.draining = False
        self._idle = gevent.event.Event()

    def update_environ(self):
        """A unix socket has no host and port; WSGI wants some."""
        super().update_environ()
        if isinstance(self.address, (str, bytes)) or not self.address:
            self.environ.update(SERVER_NAME="localhost", SERVER_PORT="80")

    def hand_over(self, app):
        """From now on new connections are the ASGI application's. Raises LoadError."""
        try:
            from hearth_env import asgi
        except ImportError as error:
            raise loading.LoadError(f"an ASGI application needs uvicorn, which is not installed here ({error}): apt-get install "
                                    "python3-uvicorn python3-httptools python3-websockets, or use a WSGI application") from None
        self.stop_accepting()
        copy = socket.socket(self.socket.family, self.socket.type, fileno=os.dup(self.socket.fileno()))
        server = asgi.Server(app, copy, self._asgi_ended)
        try:
            server.start()
        except loading.LoadError:
            copy.close()
            self.start_accepting()
            raise
        self.asgi = server
        for handler in list(self.handlers):
            handler.leave_if_idle()

    def _asgi_ended(self):
        self.asgi = None
        self.draining = True
        self.settle()

    def drain(self):
        self.draining = True
        self.close()
        if self.asgi:
            self.asgi.stop()
        self.settle()

    def settle(self):
        if self.requests == 0 and not self.asgi:
            self._idle.set()

    def _on_sigterm(self, *_):
        """A handler of Python's own, as it also interrupts a function that never gives way to the event loop."""
        signal.signal(signal.SIGALRM, _cut_off)
        signal.setitimer(signal.ITIMER_REAL, _drain_seconds())
        self.loop.run_callback_threadsafe(self.drain)

    def _wake_on_signals(self):
        """A signal that arrives just before the loop starts to wait would otherwise be seen at the next event only."""
        ours, theirs = _socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        self._woken = self.loop.io(ours.fileno(), _READ)
        self._woken.start(_drop, ours)
        self._waker = theirs
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

    def serve(self):
        """Returns when a drain has finished the last request; ends the process when that takes too long."""
        self._wake_on_signals()
        signal.signal(signal.SIGTERM, self._on_sigterm)
        rehearsal.with_server(self, self.instance)
        self.start()
        self._idle.wait()
        gevent.sleep(0)  # lets the last handler flush its socket
        sys.stdout.flush()
        sys.stderr.flush()


def _drain_seconds():
    try:
        return max(float(os.environ.get("HEARTH_DRAIN_SECONDS") or DRAIN_SECONDS), 0.001)
    except ValueError:
        return DRAIN_SECONDS


def _drop(wakeups):
    try:
        wakeups.recv(64)
    except BlockingIOError:
        pass  # what a forked child of the function's took


def _cut_off(*_):
    os.write(2, b"python environment: calls still run after HEARTH_DRAIN_SECONDS; they are cut off\n")
    os._exit(1)
