"""README.md's table of languages and behaviours says what the limits.yaml files say; HEARTH_UPDATE_GOLDEN=1 writes it anew."""

import os

from conformance_package import LANGUAGES, Conformance, read_limits
from environment_under_test import ROOT

README = ROOT / "README.md"
BEGIN, END = "<!-- table of behaviours: begin -->\n", "<!-- table of behaviours: end -->\n"


def table():
    limits = {name: read_limits(ROOT / name / "conformance") for name in LANGUAGES}
    lines = [f"| behaviour | {' | '.join(LANGUAGES)} |", "|---" * (len(LANGUAGES) + 1) + "|"]
    notes = []
    for behaviour, meaning in Conformance.BEHAVIOURS.items():
        cells = []
        for name in LANGUAGES:
            reason = limits[name].get(behaviour)
            if reason:
                notes.append(f"{len(notes) + 1}. {name}, `{behaviour}`: {' '.join(reason.split())}.")
            cells.append(f"no ({len(notes)})" if reason else "yes")
        lines.append(f"| {meaning} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *notes]) + "\n"


def test_the_table_of_the_readme_is_that_of_the_limits():
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    shown, after = rest.split(END)
    if os.environ.get("HEARTH_UPDATE_GOLDEN") == "1":
        README.write_text(before + BEGIN + table() + END + after, encoding="utf-8")
    else:
        assert shown == table(), "run it with HEARTH_UPDATE_GOLDEN=1 and look at what changes in env-images/README.md"
