"""Key templates: ``order#{order_id}``, ``{month:02}`` padded with zeros, ``{{`` and ``}}`` for braces."""

from __future__ import annotations

import re
from typing import NamedTuple


class Placeholder(NamedTuple):
    """The text of a column, padded on the left with zeros up to ``width`` characters; 0 is no padding."""

    column: str
    width: int


def template_parts(template: str) -> list[str | Placeholder]:
    """The literal texts (never empty, never two in a row) and placeholders of ``template`` in order; ValueError says what is wrong."""
    parts: list[str | Placeholder] = []
    literal = ""
    for token in re.findall(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+", template):
        if token in ("{", "}"):
            raise ValueError(f"a single `{token}`")
        if token in ("{{", "}}") or not token.startswith("{"):
            literal += token[0] if token in ("{{", "}}") else token
            continue
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(_placeholder(token[1:-1]))
    return [*parts, literal] if literal else parts


def _placeholder(inner: str) -> Placeholder:
    padded = re.fullmatch(r"(.*):0([1-9][0-9]?)", inner, re.DOTALL)
    column, width = (padded[1], int(padded[2])) if padded else (inner, 0)
    if not column:
        raise ValueError(f"`{{{inner}}}`, which names no column")
    return Placeholder(column, width)
