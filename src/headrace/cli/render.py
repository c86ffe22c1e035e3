"""Tables and lines: in colour on a terminal, plain and tab-separated in a pipe, safe to print wherever the text comes from."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from rich.console import Console
from rich.table import Table
from rich.text import Text


def stdout() -> Console:
    """For results."""
    return Console(highlight=False, emoji=False)


def stderr() -> Console:
    """For progress and messages."""
    return Console(stderr=True, highlight=False, emoji=False)


def line(console: Console, text: str, *, style: str = "") -> None:
    """One line (or several, if ``text`` has line ends), never wrapped by headrace."""
    safe = "\n".join(printable(part) for part in text.split("\n"))
    if console.is_terminal:
        console.print(Text(safe, style=style), soft_wrap=True)
    else:
        print(safe, file=console.file)


def table(console: Console, headings: Sequence[str], rows: Iterable[Sequence[object]], *, styles: Sequence[str] = ()) -> None:
    """Rows under ``headings``, numbers to the right; in a pipe the fields are separated by tabs. No headings at all if they are empty.

    ``styles`` are those of the rows, in their order.
    """
    texts = [[printable(_text(cell)) for cell in row] for row in rows]
    if not console.is_terminal:
        for fields in ([list(headings)] if any(headings) else []) + texts:
            print("\t".join(fields), file=console.file)
        return
    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", show_header=any(headings))
    for index, heading in enumerate(headings):
        is_number = bool(texts) and all(fields[index].replace(",", "").replace(".", "").isdecimal() for fields in texts)
        shown.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for fields, style in zip_longest(texts, styles):
        shown.add_row(*map(Text, fields), style=style)
    console.print(shown)


def printable(text: str) -> str:
    """``text`` with control characters, lone surrogates and the like as escapes, so that no file can steer a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") else character for character in text
    )


def _text(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
