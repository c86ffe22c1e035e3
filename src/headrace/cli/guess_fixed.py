"""Whether lines are of fixed width, seen from blanks that stand above each other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

LINES_MIN = 5
"""In fewer lines of prose blanks stand above each other by chance."""
LINES_MAX = 1_000


def fixed_widths(lines: Sequence[str]) -> list[int]:
    """The widths of the columns of ``lines``, none if these are not surely of fixed width.

    They are where all lines have the same length and blanks at the same places, and the values of a column differ in length: without padding
    they could be one value with a blank in it, such as a time. What stands after a single blank in less than half of the lines is the rest of a
    value. The gap before a column belongs to it where its values end at the same place.
    """
    lines = lines[:LINES_MAX]
    if len(lines) < LINES_MIN or len(set(map(len, lines))) > 1:
        return []
    is_blank = [set(characters) == {" "} for characters in zip(*lines, strict=True)]
    places = range(1, len(is_blank))
    starts = [at for at in places if is_blank[at - 1] and not is_blank[at]]
    ends = [at for at in places if is_blank[at] and not is_blank[at - 1]]
    starts, ends = starts if is_blank[0] else [0, *starts], ends if is_blank[-1] else [*ends, len(is_blank)]
    kept = [0, *(index for index in range(1, len(starts)) if starts[index] - ends[index - 1] > 1 or _is_filled(lines, starts[index], ends[index]))]
    starts, ends = [starts[index] for index in kept], [*(ends[index - 1] for index in kept[1:]), ends[-1]]
    cells = [[line[start:end] for line in lines] for start, end in zip(starts, ends, strict=True)]
    padded = [len({len(cell.strip(" ")) for cell in column}) > 1 for column in cells]
    if len(starts) < 2 or not any(padded):
        return []
    edges = [0]
    for index in range(1, len(starts)):
        is_right = padded[index] and not any(cell.endswith(" ") for cell in cells[index])
        edges.append(min(ends[index - 1] + 1, starts[index]) if is_right else starts[index])
    return [after - before for before, after in pairwise([*edges, len(is_blank)])]


def _is_filled(lines: Sequence[str], start: int, end: int) -> bool:
    return 2 * sum(bool(line[start:end].strip(" ")) for line in lines) >= len(lines)


def cut(line: str, widths: Sequence[int]) -> list[str]:
    """The values of ``line``."""
    fields, at = list[str](), 0
    for width in widths:
        fields.append(line[at : at + width].strip(" "))
        at += width
    return fields
