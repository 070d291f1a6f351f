"""The next times of random schedules, compared with croniter's.

What differs on purpose, as Fission's parser has it: a day of the month or a weekday that is written as a list of all its values is
restricted (croniter takes `1-31` for `*`), so such schedules are left out. Changes of clocks are the unit tests' (schedule_test.cpp).
"""

import datetime
import json
import os
import random
import subprocess

import croniter
from hearth_daemon import BINARY

CASES = int(os.environ.get("HEARTH_CRON_CASES", "3000"))
TIMES = 20
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def values_of(draw, low, high, words):
    """One part of a field and how many values of it are meant at most."""
    def name(value):
        return draw.choice([str.lower, str.upper, str.title])(words[value - low]) if words and draw.random() < 0.3 else str(value)

    kind = draw.randrange(6)
    first = draw.randint(low, high)
    last = draw.randint(first, high)
    if kind == 0:
        return f"*/{draw.randint(2, max(2, (high - low) // 2))}"
    if kind == 1 and last > first and (first, last) != (low, high):
        return f"{name(first)}-{name(last)}"
    if kind == 2 and last > first:
        return f"{first}-{last}/{draw.randint(2, max(2, last - first))}"
    if kind == 3 and first < high:
        return f"{first}/{draw.randint(2, max(2, high - first))}"
    return name(first)


def field(draw, low, high, words=None, star=0.4):
    if draw.random() < star:
        return "*"
    return ",".join(values_of(draw, low, high, words) for _ in range(draw.choice([1, 1, 1, 2, 3])))


def expression(draw):
    fields = [field(draw, 0, 59, star=0.2), field(draw, 0, 23), field(draw, 1, 31, star=0.5), field(draw, 1, 12, MONTHS, star=0.6),
              field(draw, 0, 6, DAYS, star=0.6)]
    if draw.random() < 0.4:
        fields.insert(0, field(draw, 0, 59, star=0.2))
    return " ".join(fields)


def names_all(cron):
    """Whether a day of the month or a weekday is restricted to all its values."""
    days, _, weekdays = cron.split()[-3:]
    # What is read has the seconds last, if there are any.
    read = croniter.croniter.expand(cron, second_at_beginning=len(cron.split()) == 6)[0]
    return any(text != "*" and (values == ["*"] or len(values) == count)
               for text, values, count in ((days, read[2], 31), (weekdays, read[4], 7)))


def expected(cron, start):
    seconds = len(cron.split()) == 6
    each = croniter.croniter(cron, start, second_at_beginning=seconds, max_years_between_matches=9)
    return [each.get_next(datetime.datetime).strftime("%Y-%m-%dT%H:%M:%SZ") for _ in range(TIMES)]


def previews(crons, start):
    command = [BINARY, "timer", "preview", "-o", "json", "--count", str(TIMES), "--from", start.strftime("%Y-%m-%dT%H:%M:%SZ"), *crons]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return {one["cron"]: one["next"] for one in json.loads(done.stdout)}


def test_as_croniter_has_it():
    draw = random.Random(20270131)
    compared = 0
    while compared < CASES:
        start = datetime.datetime(2027, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=draw.randrange(4 * 366 * 86400))
        wanted = {}
        for _ in range(100):
            cron = expression(draw)
            if names_all(cron):
                continue
            try:
                wanted[cron] = expected(cron, start)
            except croniter.CroniterBadDateError:
                continue  # the 31st of February and its like
        found = previews(list(wanted), start)
        different = [f"{cron} from {start}: {found[cron]} instead of {times}" for cron, times in wanted.items() if found[cron] != times]
        assert not different, f"{len(different)} differ\n" + "\n".join(different[:5])
        compared += len(wanted)


def test_what_never_comes_and_what_is_no_schedule_is_refused():
    for cron in ("0 0 31 2 *", "0 0 30 feb *", "61 * * * *", "* * * *", "@reboot"):
        done = subprocess.run([BINARY, "timer", "preview", cron], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode != 0 and cron in done.stderr, done
