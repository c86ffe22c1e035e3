"""Amazon Ion as DynamoDB's ImportTable and export have it: ``{Item:{…}}``, text with one item on each line, or binary; or the changes of an
incremental export, ``{Record:{Keys:{…},Metadata:{…},NewImage:{…}}}``.

Read by amazon.ion, in a process of its own, see ``decode.child``. Developer guide, S3DataImport.Format and S3DataExport.Output, 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

from amazon.ion import simpleion
from amazon.ion.core import IonType
from amazon.ion.exceptions import IonException

from headrace.decode.child import Source
from headrace.decode.export import changed, is_change
from headrace.decode.rows import Row, Unfit, not_a_number
from headrace.errors import ObjectError, RecordError, shortened
from headrace.record import Number

VERSION = b"\xe0\x01\x00\xea"
BATCH_ROWS = 256
NESTING_MAX = 40
SETS = frozenset(("$dynamodb_SS", "$dynamodb_NS", "$dynamodb_BS"))
NULL, BOOL, INT, NEGATIVE, FLOAT, DECIMAL, TIMESTAMP, SYMBOL, STRING, CLOB, BLOB, LIST, SEXP, STRUCT, ANNOTATED = range(15)
SYMBOL_TABLE = 3
"""The symbol of ``$ion_symbol_table``."""

Framed = tuple[int, bytes]
"""The offset and the bytes of a top-level value, or of a line."""


def read(source: Source, options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """All items, each as a row. Raises ObjectError ION_DAMAGED."""
    yield "schema", {"columns": None, "skipped": 0}
    frames = _Frames(source.pieces(), options["record_bytes_max"])
    batch: list[Framed] = []
    size = 0
    is_binary = frames.starts_with(VERSION)
    for framed in frames.values() if is_binary else frames.lines():
        batch.append(framed)
        size += len(framed[1])
        if len(batch) >= BATCH_ROWS or size > 1 << 20:
            yield "rows", (batch[0][0], _rows(frames.prefix, batch, options["operation"]))
            batch, size = [], 0
    if batch:
        yield "rows", (batch[0][0], _rows(frames.prefix, batch, options["operation"]))


def _rows(prefix: bytes, batch: list[Framed], operation: str) -> list[Row | Unfit | None]:
    """One row for each of ``batch``, None for a blank line: all at once, or one by one to find the one that is wrong."""
    if all(data.strip() for _, data in batch):
        with suppress(IonException, ValueError, TypeError, RecursionError):
            found = simpleion.loads(prefix + (b"" if prefix else b"\n").join([data for _, data in batch]), single_value=False)
            if len(found) == len(batch):
                return [_row(value, operation) for value in found]
    return [_one(prefix, data, operation) for _, data in batch]


def _one(prefix: bytes, data: bytes, operation: str) -> Row | Unfit | None:
    if not prefix and not data.strip():
        return None
    try:
        found = simpleion.loads(prefix + data, single_value=False)
    except (IonException, ValueError, TypeError, RecursionError) as error:
        if "NUMERIC_OVERFLOW" in str(error):
            return Unfit(RecordError("NUMBER_RANGE", found="a number with more digits than can be read", expected="at most 38 digits"), {"ion": data[:1000]})
        return Unfit(RecordError("ION_INVALID", found=shortened(str(error), 100), expected="one Ion value on each line"), {"ion": data[:1000]})
    if not found:
        return None  # a comment, a version marker
    if len(found) > 1:
        return Unfit(RecordError("ION_INVALID", found=f"{len(found)} values", expected="one Ion value on each line"), {"ion": data[:1000]})
    return _row(found[0], operation)


def _row(value: Any, operation: str) -> Row | Unfit:
    if value is None or value.ion_type != IonType.STRUCT:
        return Unfit(RecordError("ION_NOT_STRUCT", found=f"an Ion {getattr(value, 'ion_type', None)}", expected="a struct"), {"ion": _text(value)})
    try:
        row = _item(_value(value, 0), operation)
    except RecordError as error:
        return Unfit(error, {"ion": _text(value)})
    unfit = next((name for name, member in row.items() if not_a_number(member)), None)
    return row if unfit is None else Unfit(RecordError("NUMBER_INVALID", column=unfit, found="nan or inf", expected="a number"), row)


def _text(value: Any) -> str:
    """``value`` as Ion text, at most 1,000 characters, for people who look at what was rejected."""
    try:
        return str(simpleion.dumps(value, binary=False, omit_version_marker=True))[:1000]
    except (IonException, ValueError, TypeError, RecursionError):
        return f"an Ion {getattr(value, 'ion_type', None)}"


def _item(row: Row, operation: str) -> Row:
    """What ``row`` wraps, with the operation of a change; itself if it wraps nothing."""
    if len(row) == 1 and isinstance(row.get("Item"), dict):
        item: Row = row["Item"]
        return item
    change = row["Record"] if len(row) == 1 and isinstance(row.get("Record"), dict) else row
    if not is_change(change):
        return row
    letter, image = changed(change, operation)
    if not isinstance(image, dict):
        raise RecordError("ION_INVALID", found="an image that is no struct", expected="the attributes of an item")
    return {**image, operation: letter} if operation else image


def _value(value: Any, depth: int) -> Any:
    if depth > NESTING_MAX:
        raise RecordError("NESTING_TOO_DEEP", found=f"more than {NESTING_MAX} levels", expected="at most 32 levels of values in each other")
    kind = value.ion_type
    if value is None or kind == IonType.NULL or type(value).__name__ == "IonPyNull":
        return None
    match kind:
        case IonType.BOOL:
            return bool(value)
        case IonType.INT:
            return int(value)
        case IonType.FLOAT:
            return Number(repr(float(value)))
        case IonType.DECIMAL:
            return Number(str(Decimal(value)))
        case IonType.STRING:
            return str(value)
        case IonType.SYMBOL:
            return str(value.text)
        case IonType.BLOB | IonType.CLOB:
            return bytes(value)
        case IonType.TIMESTAMP:
            return simpleion.dumps(value, binary=False, omit_version_marker=True).strip()
        case IonType.STRUCT:
            return {str(name): _value(member, depth + 1) for name, member in value.items()}
    members = [_value(member, depth + 1) for member in value]
    names = {getattr(annotation, "text", annotation) for annotation in value.ion_annotations}
    return frozenset(members) if names & SETS and not any(isinstance(member, list | dict) for member in members) else members


class _Frames:
    """The top-level values of an Ion stream with their places. ``prefix`` is what the next of them needs before it to be read alone."""

    def __init__(self, pieces: Iterator[bytes], bytes_max: int) -> None:
        self.prefix = b""
        self._pieces = pieces
        self._bytes_max = bytes_max
        self._data = b""
        self._offset = 0

    def starts_with(self, magic: bytes) -> bool:
        return self._peek(len(magic)) == magic

    def lines(self) -> Iterator[Framed]:
        while self._peek(1):
            while (end := self._data.find(b"\n")) < 0 and len(self._data) <= self._bytes_max and self._more():
                pass
            length = len(self._data) if end < 0 else end
            if length > self._bytes_max:
                raise _damaged(self._offset, f"a line of more than {self._bytes_max} bytes (limits.record_bytes_max); text has one item on each line")
            yield self._offset, self._taken(length if end < 0 else end + 1)

    def values(self) -> Iterator[Framed]:
        while head := self._peek(1):
            offset = self._offset
            if head == VERSION[:1]:
                if self._peek(4) != VERSION:
                    raise _damaged(offset, "a version marker that is not Ion 1.0")
                self.prefix = self._taken(4)
                continue
            data = self._taken(self._size(head[0]))
            kind = head[0] >> 4
            if kind == ANNOTATED and self._is_symbol_table(data):
                self.prefix += data
                if len(self.prefix) > self._bytes_max:
                    raise _damaged(offset, f"more than {self._bytes_max} bytes of symbols")
            elif kind != NULL or head[0] & 0x0F == 0x0F:  # else it is padding
                yield offset, data

    def _size(self, descriptor: int) -> int:
        """The bytes of the value that begins with ``descriptor``."""
        kind, length = descriptor >> 4, descriptor & 0x0F
        if kind == 15 or (kind == ANNOTATED and length < 3):
            raise _damaged(self._offset, f"the descriptor 0x{descriptor:02x}, which no value has")
        if length == 15 or kind == BOOL:
            return 1
        if length < 14 and not (kind == STRUCT and length == 1):
            return 1 + length
        size = 0
        for at, byte in enumerate(self._peek(10)[1:], 2):
            size = size << 7 | byte & 0x7F
            if byte & 0x80:
                if size > self._bytes_max:
                    raise _damaged(self._offset, f"a value of {size} bytes, expected at most {self._bytes_max} (limits.record_bytes_max)")
                return at + size
        raise _damaged(self._offset, "a length that does not end")

    def _is_symbol_table(self, data: bytes) -> bool:
        at = 1
        for _ in range(2):  # the length of all, where it stands apart, and that of the annotations
            if at == 1 and data[0] & 0x0F != 14:
                continue
            while at < len(data) and not data[at] & 0x80:
                at += 1
            at += 1
        if data[0] & 0x0F != 14:
            while at < len(data) and not data[at] & 0x80:
                at += 1
            at += 1
        return data[at : at + 1] == bytes([0x80 | SYMBOL_TABLE])

    def _peek(self, count: int) -> bytes:
        while len(self._data) < count and self._more():
            pass
        return self._data[:count]

    def _taken(self, count: int) -> bytes:
        if len(self._peek(count)) < count:
            raise _damaged(self._offset, f"the end of the object within a value of {count} bytes: it is cut")
        taken, self._data = self._data[:count], self._data[count:]
        self._offset += count
        return taken

    def _more(self) -> bool:
        piece = next(self._pieces, b"")
        self._data += piece
        return bool(piece)


def _damaged(offset: int, found: str) -> ObjectError:
    return ObjectError("ION_DAMAGED", f"found at byte {offset} {found}", hint="write the file again, or upload it again from its source")
