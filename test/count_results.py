"""Adds up the results of pytest and Catch2 below a folder and prints them as one line."""

import pathlib
import re
import sys
import xml.etree.ElementTree as xml

CATCH_PASSED = re.compile(r"All tests passed \(.* in (\d+) test cases?\)")
CATCH_MIXED = re.compile(r"test cases:\s+(\d+)(?:\s+\|\s+(\d+) passed)?(?:\s+\|\s+(\d+) failed)?")
CTEST_BROKEN = re.compile(r"\d+/\d+ Test +#\d+: \S+ \.+\*\*\*(?:Timeout|Exception|Not Run)")


def count_pytest(file):
    suites = xml.parse(file).getroot().iter("testsuite")
    passed = failed = skipped = 0
    for suite in suites:
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        left_out = int(suite.get("skipped", 0))
        passed += int(suite.get("tests", 0)) - bad - left_out
        failed += bad
        skipped += left_out
    return passed, failed, skipped


def count_catch(file):
    text = file.read_text(errors="replace")
    passed = sum(int(n) for n in CATCH_PASSED.findall(text))
    failed = len(CTEST_BROKEN.findall(text))
    for _, good, bad in CATCH_MIXED.findall(text):
        passed += int(good or 0)
        failed += int(bad or 0)
    return passed, failed, 0


def main(folder):
    totals = [0, 0, 0]
    for file in sorted(pathlib.Path(folder).iterdir()):
        if file.suffix == ".xml":
            counts = count_pytest(file)
        elif file.name.startswith("ctest-"):
            counts = count_catch(file)
        else:
            continue
        totals = [a + b for a, b in zip(totals, counts)]
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")


if __name__ == "__main__":
    main(sys.argv[1])
