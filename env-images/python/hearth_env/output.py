"""The function's output as one JSON object per line, each with its request's id."""

import io
import json
import logging
import os
import sys

from hearth_env import request_id

LINE_LIMIT = 16 * 1024
_encode = json.JSONEncoder(separators=(",", ":")).encode


class JsonLines(io.TextIOBase):
    """A text stream that keeps unfinished lines apart per request and writes whole ones to `fd`."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, fd, stream):
        self._fd = fd
        self._stream = stream
        self._partial = {}
        self.buffer = _Bytes(self)

    def writable(self):
        return True

    def isatty(self):
        return False

    def fileno(self):
        return self._fd

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        rid = request_id.current()
        pending = self._partial.pop(rid, "") + text
        lines = pending.split("\n")
        rest = lines.pop()
        while len(rest) > LINE_LIMIT:
            lines.append(rest[:LINE_LIMIT])
            rest = rest[LINE_LIMIT:]
        if rest:
            self._partial[rid] = rest
        self._emit(rid, lines)
        return len(text)

    def flush(self):
        """Nothing to do: whole lines are out already, and half a line waits for its rest."""

    def finish(self, rid):
        """Writes the unfinished line of a request that has ended."""
        rest = self._partial.pop(rid, "")
        if rest:
            self._emit(rid, [rest])

    def _emit(self, rid, lines):
        out = []
        for line in lines:
            for start in range(0, len(line) or 1, LINE_LIMIT):
                record = {"hearth": 1, "stream": self._stream, "request_id": rid,
                          "message": line[start:start + LINE_LIMIT]}
                out.append(_encode(record))
        if out:
            _write_all(1, ("\n".join(out) + "\n").encode("ascii"))


class _Bytes(io.RawIOBase):
    """sys.stdout.buffer for code that writes bytes."""

    def __init__(self, text):
        self._text = text

    def writable(self):
        return True

    def fileno(self):
        return self._text.fileno()

    def write(self, data):
        data = bytes(data)
        self._text.write(data.decode("utf-8", "backslashreplace"))
        return len(data)


def _write_all(fd, data):
    while data:
        try:
            data = data[os.write(fd, data):]
        except BlockingIOError:
            continue
        except OSError:
            return  # nobody reads any more; the function must not fail for it


def install():
    """Puts the JSON streams in place when HEARTH_LOG=json; makes plain logging calls visible."""
    if os.environ.get("HEARTH_LOG") == "json":
        sys.stdout = sys.__stdout__ = JsonLines(1, "out")
        sys.stderr = sys.__stderr__ = JsonLines(2, "err")
    else:
        sys.stdout.reconfigure(line_buffering=True)
    _show_logging()


def finish(rid):
    """Call when a request has ended."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, JsonLines):
            stream.finish(rid)


def _show_logging():
    """logging.info() shows without any set-up, and logging.basicConfig() still works as ever."""
    last = logging._StderrHandler(logging.INFO)
    last.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.lastResort = last
    logging.getLogger().setLevel(logging.INFO)
