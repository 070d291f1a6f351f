"""A dry run of loading and calling, so that the first real one meets loaded modules, filled caches and own pages."""

import _socket
import io
import json
import os
import sys

CODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rehearsed")
ORDER = json.dumps({"filepath": CODE, "functionName": "rehearsed.main", "env": {}}).encode()
# CPython adapts its instructions to what runs after some rounds; done before a fork, all children share the result.
ROUNDS = 12


def without_server(instance):
    """Drives the application alone: makes no event loop."""
    with _Untouched(instance):
        for method, path, body in (("POST", "/v2/specialize", ORDER), ("GET", "/", b"")):
            environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "name=x",
                       "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json",
                       "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http",
                       "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr, "HTTP_HOST": "localhost"}
            b"".join(instance(environ, lambda status, headers, exc_info=None: None))


def before_fork(instance):
    """Drives whole servers in a process that will fork, and leaves no event loop behind."""
    import gevent
    from hearth_env import serving
    for _ in range(ROUNDS):
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        server = serving.Server(listener, instance)
        server.update_environ()
        with_server(server, instance)
        server.socket.close()
    gevent.get_hub().destroy(destroy_loop=True)


def with_server(server, instance):
    """Drives a server over a socket pair, as the gateway will."""
    import gevent
    from gevent import socket
    ours, theirs = socket.socketpair()
    with _Untouched(instance), ours:
        handler = gevent.spawn(server.handle, theirs, ("rehearsal", 0))
        ours.sendall(b"POST /v2/specialize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n%s" % (len(ORDER), ORDER))
        ours.recv(4096)
        ours.sendall(b"GET /?name=x HTTP/1.1\r\nHost: x\r\nX-Request-Id: r\r\nConnection: close\r\n\r\n")
        while ours.recv(4096):
            pass
        handler.join()
        theirs.close()


class _Untouched:
    """Leaves search path, folder and modules as they were."""

    def __init__(self, instance):
        self._instance = instance

    def __enter__(self):
        self._path, self._folder = list(sys.path), os.getcwd()

    def __exit__(self, *failure):
        self._instance.forget()
        sys.path[:] = self._path
        sys.modules.pop("rehearsed", None)
        os.chdir(self._folder)
