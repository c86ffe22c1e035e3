"""Key attributes: templates such as ``order#{order_id}``, DynamoDB's rules for keys, and one text per key for telling keys apart."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring
from typing import Any

from headrace.config.model import KeyType
from headrace.encode import values
from headrace.encode.limits import PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX
from headrace.encode.numbers import number
from headrace.errors import RecordError

TYPE_LETTERS: Mapping[KeyType, str] = {"string": "S", "number": "N", "binary": "B"}


def key_converter(name: str, kind: KeyType, *, is_sort_key: bool, binary_format: str = "base64", column: str = "") -> Callable[[Any], str]:
    """The conversion of a key attribute's value to ``"name":{"S":"…"}``. Equal keys give equal texts: numbers are normalised.

    Raises RecordError KEY_EMPTY, KEY_TOO_LONG, TYPE_MISMATCH or what the type raises, with ``column`` as the place. Limits: partition key 1 to
    2,048 bytes, sort key 1 to 1,024 (Amazon DynamoDB Developer Guide, Constraints, 2026-11).
    """
    opening = f"{values.name_of(name)}:"
    opening_string = f'{opening}{{"S":'
    limit = SORT_KEY_BYTES_MAX if is_sort_key else PARTITION_KEY_BYTES_MAX

    def text_key(value: Any) -> str:
        text = values.scalar_text(value, "a string")
        _require_size(len(text) if text.isascii() else len(text.encode(errors="replace")), limit)
        return f"{opening_string}{values.quoted(text)}}}"

    def number_key(value: Any) -> str:
        if isinstance(value, bool):
            raise RecordError("TYPE_MISMATCH", found="a boolean", expected="a number")
        text = values.scalar_text(value, "a number")
        _require_size(len(text), 10**6)
        return f'{opening}{{"N":"{number(text)}"}}'

    def binary_key(value: Any) -> str:
        wire = values.binary(value, binary_format)
        _require_size(len(base64.b64decode(json.loads(wire)["B"])), limit)
        return f"{opening}{wire}"

    convert = {"string": text_key, "number": number_key, "binary": binary_key}[kind]

    def placed(value: Any) -> str:
        try:
            return convert(value)
        except RecordError as error:
            raise RecordError(error.code, column=error.column or column, found=error.found, expected=error.expected) from None

    def placed_text(value: Any) -> str:
        if type(value) is str and value.isascii() and 0 < len(value) <= limit:
            return f"{opening_string}{encode_basestring(value)}}}"  # nearly every key; nothing in it can be wrong
        return placed(value)

    return placed_text if kind == "string" else placed


def _require_size(size: int, limit: int) -> None:
    if size == 0:
        raise RecordError("KEY_EMPTY", found="nothing", expected="a value for the key attribute")
    if size > limit:
        raise RecordError("KEY_TOO_LONG", found=f"{size} bytes", expected=f"at most {limit} bytes in this key attribute")


def padded(text: str, width: int) -> str:
    """``text`` with zeros before it up to ``width`` characters, behind a minus sign."""
    return text.zfill(width)


def identity_of(key_names: Mapping[str, KeyType], item: Mapping[str, Mapping[str, Any]]) -> str:
    """The text that the encoder gives to the key of ``item`` (DynamoDB JSON, as the table hands back what it did not process)."""
    parts: list[str] = []
    for name, kind in key_names.items():
        content = item[name][TYPE_LETTERS[kind]]
        if kind == "binary":
            content = base64.b64decode(content)
        parts.append(key_converter(name, kind, is_sort_key=len(parts) == 1)(content))
    return ",".join(parts)
