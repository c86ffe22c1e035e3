"""Key attributes: templates such as ``order#{order_id}``, DynamoDB's rules for keys, and one text per key for telling keys apart."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from headrace.config.model import KeyType
from headrace.encode import values
from headrace.encode.limits import PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX
from headrace.encode.numbers import number
from headrace.errors import RecordError

TYPE_LETTERS: Mapping[KeyType, str] = {"string": "S", "number": "N", "binary": "B"}


def key_converter(name: str, kind: KeyType, *, is_sort_key: bool, binary_format: str = "base64") -> Callable[[Any], str]:
    """The conversion of a key attribute's value to ``"name":{"S":"…"}``. Equal keys give equal texts: numbers are normalised.

    Raises RecordError KEY_EMPTY, KEY_TOO_LONG, TYPE_MISMATCH or what the type raises. Limits: partition key 1 to 2,048 bytes, sort key 1 to 1,024
    (Amazon DynamoDB Developer Guide, Constraints, 2026-11).
    """
    quoted_name = values.name_of(name)
    limit = SORT_KEY_BYTES_MAX if is_sort_key else PARTITION_KEY_BYTES_MAX

    def text_key(value: Any) -> str:
        text = values.scalar_text(value, "a string")
        _require_size(name, len(text) if text.isascii() else len(text.encode(errors="replace")), limit)
        return f'{quoted_name}:{{"S":{values.quoted(text)}}}'

    def number_key(value: Any) -> str:
        if isinstance(value, bool):
            raise RecordError("TYPE_MISMATCH", found="a boolean", expected="a number")
        text = values.scalar_text(value, "a number")
        _require_size(name, len(text), 10**6)
        return f'{quoted_name}:{{"N":"{number(text)}"}}'

    def binary_key(value: Any) -> str:
        wire = values.binary(value, binary_format)
        _require_size(name, len(base64.b64decode(json.loads(wire)["B"])), limit)
        return f"{quoted_name}:{wire}"

    return {"string": text_key, "number": number_key, "binary": binary_key}[kind]


def _require_size(name: str, size: int, limit: int) -> None:
    if size == 0:
        raise RecordError("KEY_EMPTY", column=name, found="nothing", expected="a value for the key attribute")
    if size > limit:
        raise RecordError("KEY_TOO_LONG", column=name, found=f"{size} bytes", expected=f"at most {limit} bytes in this key attribute")


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
