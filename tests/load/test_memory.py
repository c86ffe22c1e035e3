"""How much memory a load needs, whatever the size of the object."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MB_MAX = 64


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("kind", "megabytes"),
    [("plain", 300), ("throttled", 60), ("repeated", 60), ("rejected", 60), ("large", 60), ("wide", 60)],
)
def test_load_whatever_the_object_needs_no_more_than_64_mb_above_the_imports(kind: str, megabytes: int) -> None:
    """Also in front of a table that throttles, with repeated keys, rejected records, records of up to 1 MB, and text of four bytes a character."""
    arguments = [sys.executable, "-m", "load.memory_program", kind, str(megabytes)]
    done = subprocess.run(arguments, cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= MB_MAX
