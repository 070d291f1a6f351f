"""Many clients at once on a cold function."""

import asyncio

import documents


async def ask(host, port, path):
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        return await asyncio.wait_for(reader.read(), 120)
    finally:
        writer.close()


def burst(daemon, path, count):
    host, port = daemon.gateway.rsplit(":", 1)

    async def everyone():
        return await asyncio.gather(*(ask(host, int(port), path) for _ in range(count)))

    return asyncio.run(everyone())


def statuses(answers):
    assert all(a.startswith(b"HTTP/1.1 ") for a in answers), next(a for a in answers if not a.startswith(b"HTTP/1.1 "))
    return [int(a[9:12]) for a in answers]


def test_a_thousand_clients_on_a_cold_function_are_all_answered(daemon):
    daemon.apply(documents.whole("burst", "def main(): return 'ok'", requestsPerPod=50, concurrency=10))
    seen = statuses(burst(daemon, "/burst", 1000))
    assert len(seen) == 1000
    assert set(seen) <= {200, 429}, {s: seen.count(s) for s in set(seen)}
    assert seen.count(200) >= 500
    assert len(daemon.instances("burst")) <= 10


def test_past_the_queues_bound_the_answer_is_429_at_once_with_retry_after(daemons):
    daemon = daemons(env={"HEARTH_EXECUTOR__QUEUEPERFUNCTION": "5"}).start()
    code = "import os, time\nfrom flask import request\ndef main():\n    while not os.path.exists('/tmp/never') and not request.args.get('q'):\n" \
           "        time.sleep(0.05)\n        if time.monotonic() - START > 2: break\n    return 'ok'\nSTART = time.monotonic()\n"
    daemon.apply(documents.whole("narrow", "import time\n" + code, requestsPerPod=1, concurrency=1))
    answers = burst(daemon, "/narrow", 50)
    seen = statuses(answers)
    assert set(seen) <= {200, 429}, {s: seen.count(s) for s in set(seen)}
    assert seen.count(429) >= 40
    refused = next(a for a in answers if a.startswith(b"HTTP/1.1 429")).lower()
    assert b"retry-after:" in refused and b"application/problem+json" in refused


def test_one_request_at_a_time_per_instance_and_concurrency_bound(daemon):
    code = "import time\nn = 0\ndef main():\n    global n\n    n += 1\n    seen = n\n    time.sleep(0.05)\n    n -= 1\n    return str(seen)\n"
    daemon.apply(documents.whole("alone", code, requestsPerPod=1, concurrency=3))
    answers = burst(daemon, "/alone", 30)
    assert statuses(answers) == [200] * 30
    assert {a.rsplit(b"\r\n", 1)[-1].strip() or a.split(b"\r\n")[-3] for a in answers} <= {b"1"}
    assert len(daemon.instances("alone")) <= 3
