"""Objects made to hurt: each ends in a code, in little memory, after reading what it has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from load.hostile_program import BINARY, KINDS

MB_MAX = 256
SECONDS_MAX = 300
EXPECTED: dict[str, tuple[list[str], int]] = {
    "csv field of a gigabyte": (["RECORD_TOO_LARGE"], 1),
    "csv field of a gigabyte in quotes": (["RECORD_TOO_LARGE"], 1),
    "csv quote that is open from line 2": (["RECORD_UNENDED"], 0),
    "csv line of a gigabyte that does not end": (["RECORD_TOO_LARGE"], 1),
    "csv header of many names that does not end": (["HEADER_INVALID"], 0),
    "json line of a gigabyte that does not end": (["RECORD_TOO_LARGE"], 1),
    "csv record of many fields in quotes that does not end": (["RECORD_TOO_LARGE"], 1),
    "csv of a million columns": (["HEADER_INVALID"], 0),
    "csv of a million fields": (["FIELD_COUNT"], 1),
    "csv number of a million digits": (["NUMBER_PRECISION"], 1),
    "csv of lone CR": ([], 1),
    "json of a million members": (["COLUMNS_TOO_MANY"], 1),
    "json number of a million digits": (["NUMBER_PRECISION"], 1),
    "json exponent of a thousand million": (["NUMBER_RANGE", "NUMBER_RANGE"], 1),
    "json string of a gigabyte": (["RECORD_TOO_LARGE"], 1),
    "json of many open arrays": (["NESTING_TOO_DEEP"], 0),
    "ion number of a million digits": (["ION_INVALID"], 1),
    "ion exponent of a thousand million": (["NUMBER_RANGE"], 1),
    "avro block that inflates to a gigabyte": (["MEMORY_EXCEEDED"], 0),
    "parquet of a text of 2 GB": (["KEY_TOO_LONG"] * 256 + ["REJECTS_TOO_LARGE"], 0),
    "parquet of 20,000 columns": (["HEADER_TOO_WIDE"], 0),
    "orc of large texts": (["ORC_DAMAGED"], 0),
    "xlsx of a billion laughs": (["XLSX_DAMAGED"], 0),
    "xlsx with a text of 300 MB": (["MEMORY_EXCEEDED"], 0),
}
"""The codes, of records and then of the object, and how many records are written."""


def program(command: str, kind: str, path: Path) -> str:
    arguments = [sys.executable, "-m", "load.hostile_program", command, kind, str(path)]
    done = subprocess.run(arguments, cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_hostile_object_is_expected() -> None:
    """One that is added is held to its end."""
    assert EXPECTED.keys() == KINDS.keys()


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("kind", EXPECTED)
def test_hostile_object_ends_in_a_code_within_its_memory(kind: str, tmp_path: Path) -> None:
    """The peak counts the process that reads binary formats; what is read is at most the object once, and its ends again."""
    path = tmp_path / "object"
    if KINDS[kind][0] in BINARY:
        program("make", kind, path)
    told = json.loads(program("load", kind, path))
    codes, written = EXPECTED[kind]
    assert (told["codes"], told["written"]) == (codes, written)
    assert told["mb"] <= MB_MAX
    assert told["read"] <= 1.2 * told["size"] + (1 << 20)
    assert told["hint"] or written
