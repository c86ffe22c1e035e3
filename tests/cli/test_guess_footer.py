"""Lines after a table are passed over only where they are plain to see."""

from __future__ import annotations

import bz2
import json
from pathlib import Path

import pytest

from cli.program import Run
from headrace.cli.guess_footer import footer_lines

ROWS = "id,name,amount\n1,Ann,3\n2,Bob,4\n3,Cem,5\n"


@pytest.mark.parametrize(
    ("ending", "lines"),
    [
        ("Total: 12\n", 1),
        ("\n3 rows\n", 1),
        ("TOTAL,,12\n", 1),
        ("Total,12\nCount,3\n\n", 2),
        ("-- 3 records --\n", 1),
        ("(3 rows affected)\n", 1),
        ("Number of records = 3\n", 1),
        ("End of report\r\n", 1),
        ("# generated on 2024-01-01 10:00:00\n", 1),
        ("total\n" * 5, 5),
        ("total\n" * 6, 0),
        ("", 0),
        ("4,Da", 0),
        ("Total: 12", 0),
        ("Total Wine,Fr", 0),
        ("Total Wine,Fred\n", 0),
        ("Total Wine\n", 0),
        ("Count Dracula,19\n", 0),
        ("5 items pack\n", 0),
        ("created\n", 0),
        ("Items,x,y,z\n", 0),
        ("Total,Fred\n", 0),
        ("-" * 16_000 + "\n", 0),
        ("1" + " " * 16_000 + "x\n", 0),
        ("Total Oil,Fred,7\n", 0),
        ("TOTAL,x,12\n", 0),
        ("Totality", 0),
        ("4\n", 0),
        ('Total "x"\n', 0),
        ("4,Dan\nTotal: 12\n", 0),
    ],
)
def test_footer_is_what_stands_after_a_plain_table(ending: str, lines: int) -> None:
    """Totals, counts and words of an end behind three rows like the header; any other line with fewer fields is a row, perhaps one that was cut."""
    assert footer_lines(ROWS + ending, ",", 3) == lines
    assert footer_lines((ROWS + ending).replace("\n", "\r\n").replace(",", ";"), ";", 3) == lines


def test_footer_of_one_column_or_few_rows_is_none() -> None:
    """There, it could as well be a value."""
    assert footer_lines("name\nAnn\nBob\nCem\nTotal\n", ",", 1) == 0
    assert footer_lines("id,name\n1,Ann\nTotal: 1\n", ",", 2) == 0
    assert footer_lines("word,count\nsum,1\nrows,2\ntotal,3\nTotal: 6\n", ",", 2) == 0


@pytest.mark.parametrize("row", ["4,Dan", "Total Wine,Fr", "Total", "Count Dracula,19\n", "5 items pack\n"])
def test_row_with_fewer_fields_is_rejected_and_no_footer(run: Run, folder: Path, row: str) -> None:
    """Whatever it begins with: what a file lacks is never passed over without a word."""
    (folder / "a.csv").write_text(ROWS + row)
    ran = run("preview", "a.csv", "--key", "id")
    assert (ran.code, "read 4 = written 3 + rejected 1" in ran.err) == (3, True)


@pytest.mark.parametrize("rows", [4, 20_000])
def test_footer_of_a_file_is_told_written_and_passed_over(run: Run, folder: Path, rows: int) -> None:
    """Also where the file is longer than what is looked at of its beginning; in a compressed one only what is looked at is known."""
    text = "id,name,amount\n" + "".join(f"{number},Ann,3\n" for number in range(rows)) + f"Total,,{3 * rows}\n({rows} rows)\n"
    (folder / "a.csv").write_text(text)
    previewed = run("preview", "a.csv", "--key", "id", "--all")
    assert (previewed.code, previewed.out.count("\n")) == (0, rows)
    assert "skip_footer_lines 2: it ends in totals or counts" in previewed.err
    belief = json.loads(run("sniff", "a.csv", "--json").out)["beliefs"]["skip_footer_lines"]
    assert (belief["value"], belief["sureness"]) == ("2", "guess")
    assert run("init", "a.csv", "--bucket", "files-of-a-test").code == 0
    assert "skip_footer_lines: 2" in (folder / "headrace.yaml").read_text()
    (folder / "headrace.yaml").unlink()
    (folder / "a.csv.bz2").write_bytes(bz2.compress(text.encode()))
    assert ("skip_footer_lines" in json.loads(run("sniff", "a.csv.bz2", "--json").out)["beliefs"]) == (rows == 4)
