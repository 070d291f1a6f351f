#!/usr/bin/python3
"""A runtime that knows nothing of Hearth but Fission's contract: v1 and v2 specialise, healthz, then `main(request)`."""

import http.server
import json
import os
import socketserver
import sys
import traceback

LOADED = {}
FAULT = os.environ.get("FOREIGN_FAULT", "")


def load(path):
    if os.path.isdir(path):
        path = os.path.join(path, "main.py")
    with open(path, encoding="utf-8") as file:
        code = compile(file.read(), path, "exec")
    LOADED.clear()
    exec(code, LOADED)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def specialise(self, path, names):
        try:
            os.environ.update(names.get("env") or {})
            load(path)
            LOADED["REQUEST"] = names
        except BaseException:
            return self.answer(500, traceback.format_exc())
        return self.answer(200, "")

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        if self.path == "/healthz":
            return self.answer(200, "")
        if self.path == "/specialize":
            return self.specialise("/userfunc/user", {})
        if self.path == "/v2/specialize":
            names = json.loads(body)
            return self.specialise(names["filepath"], names)
        if "main" not in LOADED:
            return self.answer(500, "Generic container: no requests supported")
        try:
            return self.answer(200, str(LOADED["main"](body)))
        except BaseException:
            return self.answer(500, traceback.format_exc())

    do_GET = do_POST = handle_any


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


class TcpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main():
    if FAULT == "exit":
        print("cannot find my library", file=sys.stderr)
        sys.exit(3)
    if FAULT == "silent":
        while True:
            import signal
            signal.pause()
    scheme, _, where = os.environ["HEARTH_LISTEN"].partition(":")
    if scheme == "unix":
        server = UnixServer(where, Handler)
    else:
        host, _, port = where.rpartition(":")
        server = TcpServer((host, int(port)), Handler)
    server.serve_forever()


main()
