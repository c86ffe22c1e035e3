"""What ``headrace dev`` prints of a load."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from headrace.cli import dev


@pytest.mark.parametrize("member", ["object", "message", "hint", "rejects"])
def test_text_of_a_load_cannot_steer_the_terminal(member: str) -> None:
    """Keys come from strangers, and reasons and hints quote them."""
    ends = dict.fromkeys(("read", "written", "rejected", "filtered", "superseded"), 0)
    load = {"object": "landing/in/a.csv@v1", "state": "FAILED", "seconds": 1, "error": "X", "message": "m", "hint": "h", "rejects": "r"} | ends
    shown = io.StringIO()
    dev._show_load(Console(file=shown, color_system=None), load | {member: "landing/in/\x1b[2Ja\nLOADED b@v1"}, False)
    assert "in/\\x1b[2Ja\\nLOADED b" in shown.getvalue()
    assert not {"\x1b", "\r"} & set(shown.getvalue())
