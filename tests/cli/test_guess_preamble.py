"""Lines before a table are passed over only where they are plain to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.program import Run
from headrace.cli.guess_preamble import preamble_lines

ROWS = "id,name,amount\n1,Ann,3\n2,Bob,4\n3,Cem,5\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Report 2024\n\n" + ROWS, 2),
        ("Report 2024\r\n\r\n" + ROWS.replace("\n", "\r\n"), 2),
        ("\nReport\n" + ROWS.replace(",", ";"), 2),
        ("# made by x, y\n#\n" + ROWS, 2),
        ("# exported\n#" + ROWS, 1),
        ("a title\n" * 20 + ROWS, 20),
        ("a title\n" * 21 + ROWS, 0),
        (ROWS, 0),
        ("#" + ROWS, 0),
        ("\n\n" + ROWS, 0),
        ("id\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n", 0),
        ('"the\nid",name,amount\n1,Ann,3\n2,Bob,4\n3,Cem,5\n4,Dan,6\n', 0),
        ("a title\nid,name\n1,Ann\n2,Bob\n3,Cem\n", 0),
        ("Report 2024\nid,name,amount\n1,Ann,3\n2,Bob\n3,Cem,5\n", 0),
        ("Report, 2024\n" + ROWS, 0),
        ("Report 2024\nid,name,amount\n1,Ann,3\n", 0),
        ("", 0),
    ],
)
def test_preamble_is_what_stands_before_a_plain_table(text: str, lines: int) -> None:
    """Titles, blank lines and comments before at least four lines with as many fields, of which the first has no number; nothing with quotes."""
    assert preamble_lines(text) == lines


def test_load_settings_of_a_file_with_a_preamble_are_told_and_written(run: Run, folder: Path) -> None:
    """What is passed over without being asked is named, and ``init`` writes it down."""
    (folder / "a.csv").write_text("Report 2024\n\n" + ROWS)
    previewed = run("preview", "a.csv", "--key", "id")
    assert previewed.code == 0
    assert "skip_lines 2: only from line 3 on" in previewed.err
    assert run("init", "a.csv", "--bucket", "files-of-a-test").code == 0
    assert "skip_lines: 2" in (folder / "headrace.yaml").read_text()
    (item, *_) = [line for line in run("preview", "a.csv", "--config", "headrace.yaml", "--json").out.splitlines() if "Ann" in line]
    assert '"Ann"' in item
