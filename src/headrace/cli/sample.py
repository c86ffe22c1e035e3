"""What a file is, seen from its beginning: format, dialect, columns and their types."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.cli.guess import Guess, guess
from headrace.cli.source import Source
from headrace.config.infer import ROWS_MAX, Inferred, infer_columns
from headrace.config.model import Column, KeyType, Limits, Route
from headrace.decode.rows import Rows, json_of
from headrace.encode.header import require_distinct
from headrace.encode.values import kind_of
from headrace.errors import ObjectError
from headrace.formats import RANGED_FORMATS
from headrace.ports import ObjectRef, SystemClock
from headrace.read.decompress import decompress
from headrace.read.signature import FIRST_BYTES, compression_of, format_of
from headrace.records import Opened, Part

LIMITS = Limits()
GUESS_BYTES = 1 << 16
"""So much of the content is looked at to know its format."""
LAST_BYTES = 1 << 14
"""So much of the end of plain content is looked at, for what stands after a table."""
SAMPLE_BYTES_MAX = 16 << 20
"""The sample ends about here, whatever it holds: it stays in memory."""


@dataclass(frozen=True)
class Sample:
    """What the first records tell. ``ref`` pins the version that was read; ``names`` is empty for a file without a record."""

    ref: ObjectRef
    guess: Guess
    compression: str
    names: list[str]
    inferred: Inferred
    kinds: dict[str, str]
    """What the values of a column are, in words."""
    examples: dict[str, str]
    """A value of each column that is not empty."""
    rows: list[list[str]] | None
    """The rows of a format with fields."""

    @property
    def format(self) -> str:
        return self.guess.format

    @property
    def delimiter(self) -> str:
        """That of the route, empty where it is the format's own."""
        found: str = self.guess.settings.get("delimiter", "")
        return found


def take_sample(source: Source) -> Sample:
    """Look at the first ``ROWS_MAX`` records of ``source``. Raises the ObjectError or ServiceError that a load would fail with."""
    try:
        return _sample(source)
    except ObjectError as error:
        if error.object:  # then the message names it
            raise
        raise ObjectError(error.code, f"{source.ref}: {error.message}", object=str(source.ref), hint=error.hint) from None


def guessed_route(found: Guess, **settings: Any) -> Route:
    """A route that reads what ``found`` is, with more ``settings``."""
    return Route(**{"name": "load", "match": "**", "table": "load", **found.settings, **settings})


def _sample(source: Source) -> Sample:
    ref, found, compression = _guess(source)
    try:
        return _looked_at(source, ref, found, compression)
    except ObjectError as error:
        if found.format != "xlsx" or error.code not in ("HEADER_INVALID", "HEADER_DUPLICATE"):
            raise
    return _looked_at(source, ref, found.with_numbered_names(), compression)


def _looked_at(source: Source, ref: ObjectRef, found: Guess, compression: str) -> Sample:
    opened = Opened(source.objects, ref, SystemClock(), limits=LIMITS)
    try:
        decoder = opened.records(guessed_route(found, duplicate_names="last", other_values="wrap", other_columns="keep"), Part())
        if decoder.first_rejection:
            raise ObjectError("HEADER_INVALID", f"the header line: {decoder.first_rejection.message}", hint="correct the first line of the file")
        if decoder.header is not None:
            require_distinct([name for name in decoder.header if name])
        records = _records(decoder)
    finally:
        opened.close()
    if not decoder.has_fields:
        operation = found.settings.get("operation")
        rows_by_name = [{name: record[name] for name in record if name != operation} for record in records if isinstance(record, dict)]
        members = _of_members(rows_by_name, (decoder.columns or []) if isinstance(decoder, Rows) else [])
        return Sample(opened.ref, found, compression, *members, rows=None)
    rows = [row for row in records if isinstance(row, list)]
    return Sample(opened.ref, found, compression, *_of_fields(decoder.header or [], rows), rows=rows)


def _guess(source: Source) -> tuple[ObjectRef, Guess, str]:
    """The version that is read, what it is believed to be, and how it is compressed."""
    opened = Opened(source.objects, source.ref, SystemClock(), limits=LIMITS)
    try:
        pieces = opened.pieces()
        stored = next(pieces, b"")
        compression = compression_of(stored[:FIRST_BYTES])
        if compression:
            plain = decompress(itertools.chain([stored], pieces), decompressed_bytes_max=LIMITS.decompressed_bytes_max, content="")
            first = b""
            for piece in plain:
                first += piece
                if len(first) > GUESS_BYTES:
                    break
            is_whole = len(first) <= GUESS_BYTES
        elif format_of(stored[:FIRST_BYTES]):
            first, is_whole = stored, False
        else:
            first, is_whole = stored, len(stored) == opened.total_bytes and len(stored) <= GUESS_BYTES
        last = first if is_whole else b"" if compression or format_of(first) else _last(opened)
        found = guess(first[:GUESS_BYTES], source.name, is_whole=is_whole, last=last)
        if compression and found.format in RANGED_FORMATS:
            message = f"found {format_of(first)} inside {compression}, expected it as it is: it is compressed inside"
            raise ObjectError("FORMAT_UNEXPECTED", message, hint="decompress the file first")
        return opened.ref, found, compression
    finally:
        opened.close()


def _last(opened: Opened) -> bytes:
    """The last whole lines of what is opened."""
    begin = max(opened.total_bytes - LAST_BYTES, 0)
    return b"".join(opened.pieces(begin)).partition(b"\n")[2]


def _records(decoder: Iterable[Any]) -> list[Any]:
    records: list[Any] = []
    for row, block, *_ in itertools.islice(decoder, ROWS_MAX):
        if isinstance(row, list | dict):
            records.append(row)
        if block.offset > SAMPLE_BYTES_MAX:
            break
    return records


_KEY_TYPES: dict[str, KeyType] = {"number": "number", "null or number": "number", "binary": "binary"}
Columns = tuple[list[str], Inferred, dict[str, str], dict[str, str]]
"""Names, types, kinds and examples."""


def _of_fields(names: list[str], rows: Sequence[list[str]]) -> Columns:
    inferred = infer_columns(names, rows)
    kinds: dict[str, str] = {name: inferred.columns[name].type for name in names}
    examples: dict[str, str] = {}
    for row in rows:
        for name, value in zip(names, row, strict=False):
            if value and name not in examples:
                examples[name] = value
        if len(examples) == len(kinds):
            break
    return names, inferred, kinds, examples


def _of_members(records: Sequence[dict[str, object]], columns: Sequence[str]) -> Columns:
    """Values keep their own types, so nothing is inferred but what people want to see. ``columns`` are those of the file's schema, if it has one."""
    seen: dict[str, dict[str, object]] = {name: {} for name in columns}
    for record in records:
        for name, value in record.items():
            seen.setdefault(name, {}).setdefault(kind_of(value).split()[-1], value)
    kinds = {name: " or ".join(sorted(by_kind)) or "no value" for name, by_kind in seen.items()}
    examples = {name: _example(by_kind) for name, by_kind in seen.items() if by_kind}
    types: dict[str, Column] = {name: Column(type=_KEY_TYPES.get(kind.removesuffix(" or null"), "string")) for name, kind in kinds.items()}
    return list(seen), Inferred(types, [], []), kinds, examples


def _example(by_kind: dict[str, object]) -> str:
    value = next((value for kind, value in by_kind.items() if kind != "null"), None)
    if isinstance(value, str):
        return value
    try:
        return json_of(value)
    except RecursionError:  # it is rejected for its depth soon
        return "…"
