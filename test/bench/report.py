"""Rows of figures, as a table and as JSON."""

import dataclasses
import json
import pathlib


@dataclasses.dataclass
class Row:
    what: str
    measured: str
    wanted: str
    reached: bool
    values: dict


def show(rows, file: pathlib.Path):
    width = max(len(r.what) for r in rows)
    middle = max(len(r.measured) for r in rows)
    for row in rows:
        print(f"{row.what:<{width}}  {row.measured:<{middle}}  wanted {row.wanted}  {'reached' if row.reached else 'NOT reached'}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([dataclasses.asdict(r) for r in rows], indent=1))
    print(f"\n{sum(r.reached for r in rows)} of {len(rows)} figures reached; all values in {file}")
