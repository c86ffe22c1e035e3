"""How many lines stand after a table: totals, counts of rows, the word that ends a report. Pure."""

from __future__ import annotations

import re

LINES_MAX = 5
"""More lines than this are no footer."""
ROWS_MIN = 3
"""So many rows before it, each with as many fields as the header, are the end of a table."""
CHARACTERS_MAX = 100
"""A longer line says more than a total."""
_TOTAL = r"(?:grand[ _-]?|sub[ _-]?)?totals?"
_END = r"eof|trailer|footer|summary|end of (?:file|report|data|export|list)"
_WHAT = r"(?:rows?|records?|lines?|items?)"
_COUNTED = rf"sum|count|checksum|(?:number of )?{_WHAT}|{_WHAT}[ _-]count|(?:generated|exported|created)(?: on| at)?"
_NUMBER = r"[-+(]*[0-9][-0-9.,:/TZ ]*\)*"
"""A number, a date or a time."""
_is_total = re.compile(rf"(?i)\W*(?:{_TOTAL})\W*").fullmatch
_is_label = re.compile(
    rf"(?i)\W*(?:(?:{_TOTAL}|{_END})\W*|(?:{_TOTAL}|{_COUNTED})\W*{_NUMBER}\W*|{_NUMBER}\s*{_WHAT}(?: (?:selected|affected|exported|in all))?\W*)"
).fullmatch
_is_counted = re.compile(rf"(?i)\W*(?:{_COUNTED})\W*").fullmatch
_is_number = re.compile(_NUMBER).fullmatch


def footer_lines(text: str, delimiter: str, columns: int) -> int:
    """How many lines at the end of ``text``, which are not blank, are no rows of its table, 0 unless that is plain to see.

    Each is a total, a count or the word of an end, and nothing else but numbers and dates; with as many fields as a row only a total some fields of which
    are empty. Any other line with fewer fields is a row, perhaps one that was cut, and must not be passed over; so is a last line without its end.
    Nothing is said where quotes are near.
    """
    lines = [line for line in re.split(r"\r\n|\n|\r", text) if line.strip()][-LINES_MAX - ROWS_MIN :]
    found = 0
    while found < min(LINES_MAX, len(lines)) and _is_summary(lines[-1 - found], delimiter, columns):
        found += 1
    rows = lines[: len(lines) - found][-ROWS_MIN:]
    is_table = columns > 1 and len(rows) == ROWS_MIN and '"' not in "".join(lines) and text.endswith(("\n", "\r"))
    return found if is_table and all(row.count(delimiter) == columns - 1 and not _is_label(row.split(delimiter)[0][:CHARACTERS_MAX]) for row in rows) else 0


def _is_summary(line: str, delimiter: str, columns: int) -> bool:
    if len(line) > CHARACTERS_MAX:
        return False
    first, *others = [field.strip() for field in line.split(delimiter)]
    if len(others) + 1 == columns:
        return bool(_is_total(first)) and "" in others
    numbers = [other for other in others if other]
    is_named = _is_label(first) or (numbers and _is_counted(first))
    return bool(is_named) and all(map(_is_number, numbers))
