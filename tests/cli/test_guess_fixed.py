"""Fixed width is believed where it is plain to see, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.guess_texts import LOG, PROSE
from cli.program import Run
from headrace.cli.guess import guess

ROWS = [("1", "Ada", "5"), ("22", "Bob Smith", "-1.5"), ("333", "Zoë", "7"), ("4", "", "12345"), ("5", "X", "1"), ("6", "Eve", "1")]


def written(rows: list[tuple[str, ...]], end: str = "\n") -> str:
    return "".join(f"{first:<5}{second:<12}{third:>8}{end}" for first, second, third in rows)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (("id", "name", "amount"), ["id", "name", "amount"]),
        (("id", "", "id"), ["id", "column_2", "id_2"]),
        ((), ["column_1", "column_2", "column_3"]),
    ],
)
def test_lines_of_fixed_width_are_read_by_what_init_writes(
    run: Run, folder: Path, names: tuple[str, ...], *, columns: list[str], encoding: str, end: str
) -> None:
    """Each value as it was written, without the spaces; names where the first line has them above numbers."""
    (folder / "a.txt").write_bytes(written([*([names] if names else []), *ROWS], end).encode(encoding))
    found = run("sniff", "a.txt", "--json").document
    assert found["beliefs"]["format"]["value"] == "fixed"
    assert any(note.startswith("widths ") for note in found["notes"])
    assert run("init", "a.txt").code == 0
    assert run("check").code == 0
    items = run("preview", "a.txt", "--all").items
    assert [tuple(next(iter(value.values()), "") for value in item["Item"].values()) for item in items] == [tuple(filter(None, row)) for row in ROWS]
    assert list(items[0]["Item"]) == columns


@pytest.mark.parametrize(
    "text",
    [
        written(ROWS[:4]),
        "".join(line.rstrip(" 0123456789") + "\n" for line in written(ROWS).splitlines()),
        "name\n" + "Ada Lovelace\nBob  Smith\nEve X\n" * 3,
        "2024-01-01 10:00:00\n2024-01-02 11:00:00\n" * 9,
        "aaaa\nbbbb\ncccc\ndddd\neeee\n",
        "id  |name\n" + "1   |Ada \n22  |Bob \n" * 3,
        "1\tAda \n2\tBob \n" * 4,
        LOG,
        PROSE,
    ],
    ids=["four lines", "other lengths", "one column", "times", "codes", "a delimiter", "tabs", "log", "prose"],
)
def test_other_text_is_not_taken_for_fixed_width(text: str) -> None:
    """It is delimited, as before."""
    assert guess(text.encode(), "a.txt", is_whole=True).format in ("csv", "tsv")


def test_what_follows_a_blank_in_few_lines_is_the_rest_of_a_value(run: Run, folder: Path) -> None:
    """No column of second names that one line has."""
    (folder / "a.txt").write_text(written(ROWS))
    assert list(run("sniff", "a.txt", "--json").document["settings"]["widths"].values()) == [5, 10, 10]


def test_preview_of_fixed_width_without_a_config_shows_the_widths(run: Run, folder: Path) -> None:
    """On stderr, as they are a guess."""
    (folder / "a.txt").write_text(written([("id", "name", "amount"), *ROWS]))
    ran = run("preview", "a.txt", "--key", "id", "--all")
    assert (ran.code, len(ran.items), json.dumps(ran.items[1]["Item"]["amount"])) == (0, 6, '{"N": "-1.5"}')
    assert "widths id 5, name 10, amount 10: where columns end" in ran.err
