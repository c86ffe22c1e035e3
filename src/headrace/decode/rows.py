"""Records that are rows of a table: each has a number in place of a line, and the offset of the row group or block that it is in."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from headrace.errors import RecordError
from headrace.record import Block, Number, Origin, Rejection

Row = dict[str, Any]
Decoded = tuple[Row | Rejection, Block, int, int]
"""A row by column, or its rejection; its block; its number twice, 1-based."""


class Unfit(NamedTuple):
    """A row that cannot become an item, and why; as much of it as could be read."""

    error: RecordError
    row: Row


Batch = tuple[int, Sequence[Row | Unfit | None]]
"""Some rows that follow each other, None for one that is blank and no record, and the byte of the object at which their row group, block or message begins."""


class RowGroup(NamedTuple):
    """Rows that stand together: the byte of the object at which they begin, and how many they are."""

    offset: int
    rows: int


class Columns(NamedTuple):
    """Rows as the values of each column in turn; those of ``numbers`` are texts of numbers. ``problems`` are by the index of their row."""

    names: list[str]
    numbers: list[bool]
    values: list[list[Any]]
    problems: dict[int, tuple[str, str, str, str]]


def batch_of(content: Sequence[Row | Unfit | None] | Columns) -> Sequence[Row | Unfit | None]:
    """The rows that a process of its own sent."""
    if not isinstance(content, Columns):
        return content
    columns = [_numbers(values) if is_number else values for values, is_number in zip(content.values, content.numbers, strict=True)]
    rows: list[Row | Unfit] = [dict(zip(content.names, values, strict=True)) for values in zip(*columns, strict=True)]
    for index, (code, column, found, expected) in content.problems.items():
        row = rows[index]
        assert isinstance(row, dict)
        rows[index] = Unfit(RecordError(code, column=column, found=found, expected=expected), row)
    return rows


def _numbers(texts: list[Any]) -> list[Any]:
    return [None if text is None else Number(text) for text in texts] if None in texts else list(map(Number, texts))


class _Lines:
    """Rows in place of text: a stretch of them is what they are as lines of JSON, made when somebody asks."""

    def __init__(self, rows: Sequence[Row | Unfit | None]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, stretch: slice) -> bytes:
        lines = [json_of(row.row if isinstance(row, Unfit) else row) + "\n" for row in self._rows[stretch]]
        return "".join(lines).encode("utf-8", "surrogatepass")


class RowBlock(Block):
    """Rows, the lines of which are their numbers. A position in ``data`` is the index of a row."""

    __slots__ = ()

    def __init__(self, rows: Sequence[Row | Unfit | None], first_line: int, offset: int) -> None:
        super().__init__(cast(bytes, _Lines(rows)), first_line, offset, lf_only=True)

    def start_of(self, line: int) -> int:
        return min(line - self.first_line, len(self.data))

    def offset_of(self, at: int) -> int:
        """All rows begin where the block does: what compression hides has no place of its own."""
        return self.offset


class Rows:
    """Iterates over the rows of ``batches``, but for those before number ``first``. ``skipped`` says how many rows were left out of ``batches``.

    ``columns`` are the names that all rows have, None where each row has its own.
    """

    has_fields = False

    def __init__(
        self, batches: Iterable[Batch], *, first: int = 1, skipped: int = 0, columns: list[str] | None = None, close: Callable[[], None] = lambda: None
    ) -> None:
        self.header: list[str] | None = None
        self.first_rejection: Rejection | None = None
        self.columns = columns
        self.close = close
        self._batches = batches
        self._first = first
        self._skipped = skipped

    def __iter__(self) -> Iterator[Decoded]:
        return itertools.chain.from_iterable(self._blocks())

    def _blocks(self) -> Iterator[Iterator[Decoded]]:
        line = self._skipped + 1
        for offset, rows in self._batches:
            unread = rows[max(self._first - line, 0) :]
            line += len(rows) - len(unread)
            block = RowBlock(unread, line, offset)
            numbers = range(line, line + len(unread))
            if not {Unfit, type(None)}.isdisjoint(map(type, unread)):
                yield self._with_unfit(block, unread)
            else:
                yield zip(unread, itertools.repeat(block), numbers, numbers, strict=False)  # type: ignore[arg-type]  # rows alone
            line += len(unread)

    def _with_unfit(self, block: RowBlock, rows: Sequence[Row | Unfit | None]) -> Iterator[Decoded]:
        for line, row in enumerate(rows, block.first_line):
            if row is not None:
                yield Rejection.of(row.error, Origin(block, line, line)) if isinstance(row, Unfit) else row, block, line, line


def not_a_number(value: object) -> bool:
    """Whether ``value`` is, or holds, a float that is no number: infinite, or none at all."""
    match value:
        case Number():
            return value in ("nan", "inf", "-inf")
        case dict():  # Mapping would take several times as long, for each value
            return any(map(not_a_number, value.values()))
        case list() | tuple() | set() | frozenset():
            return any(map(not_a_number, value))
    return False


def json_of(value: object) -> str:
    """``value`` as JSON for people who look at what was rejected: numbers as they are, bytes as base64, sets as arrays."""
    match value:
        case Number() if value[-1:].isdigit():
            return str(value)
        case Mapping():
            return "{" + ",".join([f"{json.dumps(str(name), ensure_ascii=False)}:{json_of(member)}" for name, member in value.items()]) + "}"
        case list() | tuple() | set() | frozenset():
            return "[" + ",".join(map(json_of, value)) + "]"
        case bytes():
            return f'"{base64.b64encode(value).decode()}"'
        case None | bool() | int():
            return json.dumps(value)
        case _:
            return json.dumps(str(value), ensure_ascii=False)
