"""Calls under which faults happen, each of them counted."""

import asyncio
import collections
import dataclasses
import http.client
import threading
import time


@dataclasses.dataclass
class Lost:
    begin: float  # time.monotonic()
    end: float
    outcome: object

    def during(self, windows):
        """Whether it was on its way in one of the windows, which are pairs of times."""
        return any(self.begin <= end and self.end >= begin for begin, end in windows)


class Load:
    """Calls over and over from several clients, half of them on kept connections; counts what comes back.
    `address` may be a function, for a daemon whose port changes; `rate` is of all clients together, per second."""

    def __init__(self, address, path, clients=6, method="GET", rate=None):
        self.address = address if callable(address) else lambda: address
        self.path, self.method = path, method
        self.pause = clients / rate if rate else 0.01
        self.paced = rate is not None
        self.counts = collections.Counter()
        self.lost = []
        self.lock = threading.Lock()
        self.on = True
        self.threads = [threading.Thread(target=self.run, args=(i % 2 == 0,)) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, keep):
        connection = None
        due = time.monotonic()
        while self.on:
            begin = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection(self.address(), timeout=60)
                connection.request(self.method, self.path)
                response = connection.getresponse()
                response.read()
                outcome = response.status
                keep_now = keep and response.getheader("Connection", "").lower() != "close"
            except (OSError, http.client.HTTPException) as error:
                outcome, keep_now = type(error).__name__, False
            if not keep_now:
                connection.close()
                connection = None
            with self.lock:
                self.counts[outcome] += 1
                if outcome != 200:
                    self.lost.append(Lost(begin, time.monotonic(), outcome))
            due = max(due + self.pause, time.monotonic() - 1)
            time.sleep(max(0, due - time.monotonic()) if self.paced else self.pause)

    def end(self):
        self.on = False
        for thread in self.threads:
            thread.join()
        return dict(self.counts)


def at_once(address, path, count, limit=60):
    """So many first calls at one moment, each on a connection of its own: how often which status came back.
    A call without a whole answer counts under its error's name."""

    async def one():
        try:
            reader, writer = await asyncio.open_connection(*address.rsplit(":", 1))
            writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            return int(answer.split()[1]) if b"\r\n\r\n" in answer else "no answer"
        except OSError as error:
            return type(error).__name__

    async def everyone():
        return await asyncio.wait_for(asyncio.gather(*(one() for _ in range(count))), limit)

    return collections.Counter(asyncio.run(everyone()))
