"""The header block of a request, read as what a gateway lets through: the mail parser of the standard library
costs four times as much and accepts more."""

LINE_LIMIT = 64 * 1024
LINES_LIMIT = 1000


class Headers:
    """What gevent's pywsgi asks of a header object; names without regard to case, the first of a name counts."""

    __slots__ = ("status", "_first", "_lines")

    def __init__(self, stream, *_):
        self.status = ""  # why the block is refused
        self._first = {}
        self._lines = []
        while True:
            line = stream.readline(LINE_LIMIT + 1)
            if line in (b"\r\n", b"\n", b""):
                return
            name, colon, value = line.decode("latin-1").partition(":")
            if len(line) > LINE_LIMIT or len(self._lines) >= LINES_LIMIT:
                self.status = "header too large"
                return
            if not colon or not name or name != name.strip():
                self.status = "no header line"
                return
            value = value.strip()
            self._lines.append((name, value))
            self._first.setdefault(name.lower(), value)

    def get(self, name, default=None):
        return self._first.get(name.lower(), default)

    getheader = get

    def __delitem__(self, name):
        key = name.lower()
        del self._first[key]
        self._lines = [line for line in self._lines if line[0].lower() != key]

    @property
    def typeheader(self):
        return self._first.get("content-type")

    @property
    def headers(self):
        return [f"{name}: {value}\r\n" for name, value in self._lines]
