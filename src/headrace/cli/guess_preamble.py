"""How many lines stand before a table: titles, dates, comments. Pure."""

from __future__ import annotations

DELIMITERS = (",", "\t", ";", "|", "\x01", "^", "~")
LINES_MAX = 20
"""More lines than this are no preamble."""
ROWS_MIN = 4
"""So many lines with as many fields as each other, and at least three, are a table; the first has the names, of which none is a number."""


def preamble_lines(text: str) -> int:
    """How many lines of ``text`` stand before its table, 0 unless that is plain to see: they are blank, have no delimiter, or begin with ``#``.

    A line with quotes may be the first part of a name or value, which is no preamble.
    """
    lines = text.split("\n", LINES_MAX + ROWS_MIN)[:-1]
    for at in range(1, min(LINES_MAX, len(lines) - ROWS_MIN) + 1):
        for delimiter in DELIMITERS:
            before, (columns, *others) = lines[:at], [line.count(delimiter) for line in lines[at : at + ROWS_MIN]]
            is_table = columns > 1 and set(others) == {columns} and not any(name.strip().isdigit() for name in lines[at].split(delimiter))
            if is_table and any(map(str.strip, before)) and all(_is_before(line, delimiter, columns) for line in before):
                return at
    return 0


def _is_before(line: str, delimiter: str, columns: int) -> bool:
    count = line.count(delimiter)
    return '"' not in line and (not count or (line.startswith("#") and count != columns))
