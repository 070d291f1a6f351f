import base64
import hashlib
import http.server
import os
import signal
import socketserver
import sys
import threading

gate = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body, status=200, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/pid":
            self.answer(str(os.getpid()).encode())
        elif path == "/say":
            print("said", query, file=sys.stdout if query == "out" else sys.stderr, flush=True)
            self.answer(b"said")
        elif path == "/exit":
            os._exit(int(query))
        elif path == "/gated":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"6\r\nfirst\n\r\n")
            gate.wait(60)
        elif path == "/socket":
            accept = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            self.send_response(101, "Switching Protocols")
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", base64.b64encode(accept).decode())
            self.end_headers()
            self.wfile.write(self.rfile.read(4).upper())
            self.close_connection = True

    def do_PATCH(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        seen = " ".join(f"{name.lower()}={value}" for name, value in self.headers.items())
        self.answer(body, 207, X_Target=self.path, X_Seen=seen)

    def log_message(self, format, *values):
        pass

    def address_string(self):
        return "caller"


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def stop(number, frame):
    print("told to stop", flush=True)
    os._exit(0)


signal.signal(signal.SIGTERM, stop)
if os.environ.get("SERVE_ON") == "socket":
    server = UnixServer(os.environ["HEARTH_LISTEN"].removeprefix("unix:"), Handler)
else:
    port = next((word.removeprefix("--port=") for word in sys.argv if word.startswith("--port=")), os.environ["PORT"])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
print("listening", flush=True)
server.serve_forever()
