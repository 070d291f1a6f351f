"""Which request the running code works for."""

import contextvars

_current = contextvars.ContextVar("hearth_request_id", default="")
_active = {}


def begin(request_id):
    _current.set(request_id)
    _active[request_id] = _active.get(request_id, 0) + 1


def end(request_id):
    left = _active.get(request_id, 1) - 1
    if left:
        _active[request_id] = left
    else:
        _active.pop(request_id, None)
    _current.set("")


def current():
    """The id of the request whose code runs now.

    Threads and greenlets that a function starts have no context of their own: with exactly one
    request in work they belong to it, with several nothing can be said.
    """
    known = _current.get()
    if known:
        return known
    return next(iter(_active)) if len(_active) == 1 else ""


def from_environ(environ):
    return environ.get("HTTP_X_REQUEST_ID") or environ.get("HTTP_X_FISSION_REQUEST_ID") or ""
