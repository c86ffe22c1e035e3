"""Small objects of the binary formats, damaged in many ways: each ends in records or in a code with a hint."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from load.damage_program import CUTS_MAX, DRAWN, FORMS

SECONDS_MAX = 300
CODES = {"loaded", "FORMAT_UNEXPECTED", "HEADER_MISSING_COLUMN", "MEMORY_EXCEEDED", "HEADER_INVALID", "HEADER_DUPLICATE", "SHEET_MISSING", "REJECTS_TOO_MANY"}


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of the process that reads are those of Linux")
@pytest.mark.parametrize("form", FORMS)
def test_object_when_damaged_anywhere_ends_in_records_or_a_code(form: str) -> None:
    """Never in a defect, and never not at all: also where the library crashes or goes on for ever."""
    command = [sys.executable, "-m", "load.damage_program", form]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["wrong"] == {}
    damaged = {f"{FORMS[form][0].upper()}_{what}" for what in ("DAMAGED", "UNSUPPORTED")}
    assert told["ends"].keys() <= CODES | damaged
    assert sum(told["ends"].values()) >= min(CUTS_MAX, told["size"]) + 5 * DRAWN
