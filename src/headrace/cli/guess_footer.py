"""How many lines stand after a table: totals, counts of rows, the word that ends a report. Pure."""

from __future__ import annotations

import re

LINES_MAX = 5
"""More lines than this are no footer."""
ROWS_MIN = 3
"""So many rows before it, each with as many fields as the header, are the end of a table."""
_TOTAL = re.compile(r"(?i)\W*(?:grand[ _-]?|sub[ _-]?)?totals?\W*")
_WORDS = r"totals?|grand[ _-]totals?|sum|summary|trailer|footer|eof|count|checksum|generated|exported|created"
_WORDS += r"|end of (?:file|report|data|export|list)|(?:number of )?(?:rows|records|lines|items)|(?:row|record|line|item)[ _-]?count"
_SUMMARY = re.compile(rf"(?i)\W*(?:(?:{_WORDS})\b|[0-9][0-9,.]* (?:rows?|records?|lines?|items?)\b)")


def footer_lines(text: str, delimiter: str, columns: int) -> int:
    """How many lines at the end of ``text``, which are not blank, are no rows of its table, 0 unless that is plain to see.

    Each begins with a word of summaries, and has other fields than a row, or is a total with fields that are empty. A line that only has fewer
    fields is a row that was cut, which must not be passed over. Nothing is said where quotes are near.
    """
    lines = [line for line in re.split(r"\r\n|\n|\r", text) if line.strip()][-LINES_MAX - ROWS_MIN :]
    found = 0
    while found < min(LINES_MAX, len(lines)) and _is_summary(lines[-1 - found], delimiter, columns):
        found += 1
    rows = lines[: len(lines) - found][-ROWS_MIN:]
    is_table = columns > 1 and len(rows) == ROWS_MIN and '"' not in "".join(lines)
    return found if is_table and all(row.count(delimiter) == columns - 1 and not _SUMMARY.match(row) for row in rows) else 0


def _is_summary(line: str, delimiter: str, columns: int) -> bool:
    fields = [field.strip() for field in line.split(delimiter)]
    if len(fields) == columns:
        return bool(_TOTAL.fullmatch(fields[0])) and "" in fields
    return bool(_SUMMARY.match(line))
