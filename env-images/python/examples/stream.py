"""Server-sent events, one a second: curl -N http://127.0.0.1:8888/stream?count=3"""

import time

from flask import Response, request


def main():
    def events():
        for number in range(int(request.args.get("count", 5))):
            print("event", number)
            yield f"data: {number}\n\n"
            time.sleep(1)

    return Response(events(), mimetype="text/event-stream")
