"""The listening socket named by HEARTH_LISTEN."""

import _socket
import os
import socket

BACKLOG = 1024
DEFAULT = "tcp:0.0.0.0:8888"


def open_listener(where):
    """Opens `unix:/path` or `tcp:host:port` with the C socket type: no event loop is made for it.

    Raises ValueError for another form and OSError when the address cannot be had.
    """
    where = where or DEFAULT
    scheme, _, rest = where.partition(":")
    if scheme == "unix" and rest:
        return _open_unix(rest)
    host, _, port = rest.rpartition(":")
    if scheme == "tcp" and host and port.isdigit():
        return _open_tcp(host.strip("[]"), int(port))
    raise ValueError(f"HEARTH_LISTEN is {where!r}; it must be unix:/path or tcp:host:port")


def _open_unix(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    listener.bind(path)
    listener.listen(BACKLOG)
    return listener


def _open_tcp(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    return listener
