"""DynamoDB JSON: exports to S3, full and incremental, and what ``aws dynamodb scan`` prints. Values keep the types that they have there.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html, 2026-11.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from headrace.decode.export import changed, is_change
from headrace.errors import ObjectError, RecordError, shortened
from headrace.record import Block, Number, Origin, Rejection

Decoded = tuple[Any, Block, int, int]
_SCAN = re.compile(rb'\s*\{\s*(?:"(?:Count|ScannedCount)"\s*:\s*\d+\s*,\s*)*"Items"\s*:')


def is_scan_output(first: bytes) -> bool:
    """Whether content that begins with ``first`` is one document with ``Items``, not a line for each item."""
    return _SCAN.match(first) is not None


class DynamoDbJsonDecoder:
    """The items in the records of ``inner`` as mappings of plain values.

    Of an incremental export a record is the new image, with ``I``, ``U`` or ``D`` in the column ``operation``; a record that deletes comes as
    a Rejection (DELETE_UNEXPECTED) where that is ``""``. Codes: DYNAMODB_JSON_INVALID. Records before byte ``begin`` are left out.
    """

    has_fields = False

    def __init__(self, inner: Iterable[Decoded], *, operation: str, begin: int, is_scan: bool) -> None:
        self.header: list[str] | None = None
        self.first_rejection: Rejection | None = None
        self._inner = inner
        self._operation = operation
        self._begin = begin
        self._is_scan = is_scan

    def __iter__(self) -> Iterator[Decoded]:
        for row, block, first, last in self._inner:
            if self._begin and Origin(block, first, last).byte_offset < self._begin:
                continue
            if not isinstance(row, dict):
                yield row, block, first, last
                continue
            if "dataFileS3Key" in row or "manifestFilesS3Key" in row:
                message = "found the manifest of an export, expected one of its data files"
                hint = "`headrace load` takes manifest-summary.json; let `match` take the data files alone, such as `AWSDynamoDB/**.json.gz`"
                raise ObjectError("FORMAT_UNEXPECTED", message, hint=hint)
            try:
                yield (_item(row) if self._is_scan else self._record(row)), block, first, last
            except RecordError as error:
                yield Rejection.of(error, Origin(block, first, last)), block, first, last

    def _record(self, row: dict[str, Any]) -> dict[str, Any]:
        if row.keys() == {"Item"}:
            return _item(row["Item"])
        if not is_change(row):
            raise _invalid(f"the members {shortened(', '.join(row), 80)}", '{"Item": {…}}, or a record of an incremental export')
        operation, image = changed(row, self._operation)
        item = _item(image)
        return item | {self._operation: operation} if self._operation else item


def _item(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(f"the item {shortened(value, 40)}", "an object of typed values")
    return {name: plain(member, name) for name, member in value.items()}


def plain(value: Any, column: str) -> Any:
    """The value that a typed one such as ``{"N": "5"}`` holds. Raises RecordError DYNAMODB_JSON_INVALID."""
    if isinstance(value, dict) and len(value) == 1:
        ((kind, content),) = value.items()
        convert = _KINDS.get(kind)
        if convert:
            try:
                return convert(content, column)
            except (TypeError, ValueError, binascii.Error):
                pass
    raise _invalid(shortened(value, 60), 'a typed value such as {"S": "…"} or {"N": "5"}', column)


def _invalid(found: str, expected: str, column: str = "") -> RecordError:
    return RecordError("DYNAMODB_JSON_INVALID", column=column, found=found, expected=expected)


def _text(content: Any, column: str) -> str:
    if type(content) is not str:
        raise TypeError
    return content


def _number(content: Any, column: str) -> Number:
    return Number(_text(content, column))


def _binary(content: Any, column: str) -> bytes:
    return base64.b64decode(_text(content, column), validate=True)


def _boolean(content: Any, column: str) -> bool:
    if type(content) is not bool:
        raise TypeError
    return content


def _null(content: Any, column: str) -> None:
    if content is not True:
        raise TypeError


def _set(convert: Callable[[Any, str], Any]) -> Callable[[Any, str], frozenset[Any]]:
    def members(content: Any, column: str) -> frozenset[Any]:
        if type(content) is not list:
            raise TypeError
        return frozenset([convert(member, column) for member in content])

    return members


def _list(content: Any, column: str) -> list[Any]:
    if type(content) is not list:
        raise TypeError
    return [plain(member, column) for member in content]


def _map(content: Any, column: str) -> Mapping[str, Any]:
    if type(content) is not dict:
        raise TypeError
    return {name: plain(member, column) for name, member in content.items()}


_KINDS: dict[str, Callable[[Any, str], Any]] = {
    "S": _text,
    "N": _number,
    "B": _binary,
    "BOOL": _boolean,
    "NULL": _null,
    "L": _list,
    "M": _map,
    "SS": _set(_text),
    "NS": _set(_number),
    "BS": _set(_binary),
}
