"""One route per behaviour that functions may rely on."""

import hashlib
import os
import sys
import time

from flask import Response, jsonify, request

PIECE = 64 * 1024


def text(body, status=200, headers=None):
    return Response(body, status, headers, content_type="text/plain; charset=utf-8")


def number(name):
    return int(request.args[name])


def hello():
    return Response("hello\n", content_type="text/plain")


def echo():
    return Response(request.get_data(), headers={"X-Method": request.method, "Content-Type": request.headers.get("Content-Type", "")})


def unicode():
    return text(f"grüß {request.args['name']} ✓\n")


def status():
    return text(f"status {number('code')}\n", number("code"), {"X-Custom": "yes"})


def headers():
    return jsonify({name.lower(): value for name, value in request.headers})


def stream():
    count, pause = number("n"), number("ms") / 1000

    def chunks():
        for i in range(count):
            if i:
                time.sleep(pause)
            yield f"chunk {i}\n"
    return text(chunks())


def large():
    left, block = number("bytes"), "0123456789" * 6400

    def blocks():
        for start in range(0, left, len(block)):
            yield block[:left - start]
    return text(blocks())


def count():
    length, digest = 0, hashlib.sha256()
    while piece := request.stream.read(PIECE):
        length += len(piece)
        digest.update(piece)
    return text(f"{length} {digest.hexdigest()}\n")


def throw():
    raise RuntimeError("conformance-throw")


def sleep():
    time.sleep(number("ms") / 1000)
    return text("slept\n")


def forever():
    while True:
        time.sleep(3600)


def print_():
    print("out", request.args["text"])
    print("err", request.args["text"], file=sys.stderr)
    return text("printed\n")


def env():
    value = os.environ.get(request.args["name"])
    return text("no such variable\n", 404) if value is None else text(value)


ROUTES = {"/hello": hello, "/echo": echo, "/unicode": unicode, "/status": status, "/headers": headers, "/stream": stream,
          "/large": large, "/count": count, "/throw": throw, "/sleep": sleep, "/forever": forever, "/print": print_, "/env": env}


def main():
    route = ROUTES.get(request.path)
    return route() if route else text(f"no such path: {request.path}\n", 404)
