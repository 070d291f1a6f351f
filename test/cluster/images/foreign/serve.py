"""A language environment as a stranger would write it from Fission's documents alone.

Its language: a file defines `handle(method, path, body)`, which returns a text. HTTP/1.0, one connection a request.
"""

import http.server
import json
import os
import traceback

V1_FILE = "/userfunc/user"


class Runtime:
    function = None


def find_file(path):
    """A folder stands for its only file."""
    if not os.path.isdir(path):
        return path
    names = [name for name in os.listdir(path) if not name.startswith(".")]
    if len(names) != 1:
        raise ValueError(f"{path} must hold one file, it holds {len(names)}")
    return os.path.join(path, names[0])


def load(path, entry):
    names = {}
    file = find_file(path)
    with open(file, encoding="utf-8") as source:
        exec(compile(source.read(), file, "exec"), names)
    return names[entry or "handle"]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, "fine")
        else:
            self.call()

    def do_POST(self):
        if self.path == "/specialize":
            self.specialize(V1_FILE, "")
        elif self.path == "/v2/specialize":
            order = json.loads(self.body())
            self.specialize(order["filepath"], order["functionName"])
        else:
            self.call()

    do_PUT = do_DELETE = do_PATCH = do_GET

    def specialize(self, path, entry):
        if Runtime.function:
            return self.answer(400, "Not a generic container")
        try:
            Runtime.function = staticmethod(load(path, entry))
        except Exception:
            return self.answer(500, traceback.format_exc())
        return self.answer(202, "")

    def call(self):
        if not Runtime.function:
            return self.answer(500, "Generic container: no requests supported")
        body = self.body()
        try:
            return self.answer(200, Runtime.function(self.command, self.path, body))
        except Exception:
            return self.answer(500, traceback.format_exc())

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("", 8888), Handler).serve_forever()
