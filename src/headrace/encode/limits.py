"""DynamoDB's rules for items. Sizes count as DynamoDB counts them (Developer Guide, "Item sizes and formats", 2026-11)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from headrace.errors import RecordError

ITEM_BYTES_MAX = 409_600
PARTITION_KEY_BYTES_MAX = 2_048
SORT_KEY_BYTES_MAX = 1_024
NAME_BYTES_MAX = 65_535
NESTING_MAX = 32
BATCH_ITEMS_MAX = 25

WIRE_CHARACTERS_SAFE = ITEM_BYTES_MAX // 4
"""An item whose wire JSON is no longer than this is no larger than ITEM_BYTES_MAX: each value's JSON has at least as many bytes
as DynamoDB counts for it, and a character has at most four bytes. Only longer ones need to be measured."""


def require_item_size(request: str) -> None:
    """Measure an item whose wire form is long. Raises RecordError ITEM_TOO_LARGE."""
    entry = json.loads(request)
    item = entry["PutRequest"]["Item"] if "PutRequest" in entry else entry["DeleteRequest"]["Key"]
    size = item_bytes(item)
    if size > ITEM_BYTES_MAX:
        largest = max(item, key=lambda name: len(json.dumps(item[name])))
        raise RecordError("ITEM_TOO_LARGE", column=largest, found=f"an item of {size} bytes", expected=f"at most {ITEM_BYTES_MAX} bytes")


def item_bytes(item: Mapping[str, Any]) -> int:
    """The size of an item given as DynamoDB JSON (``{"name": {"S": "…"}}``): names and values."""
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def value_bytes(value: Mapping[str, Any]) -> int:
    """The size of one typed value."""
    (kind, content), *_ = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return number_bytes(content)
        case "B":
            return len(base64.b64decode(content))
        case "BOOL" | "NULL":
            return 1
        case "SS" | "NS" | "BS":
            return sum(value_bytes({kind[0]: member}) for member in content)
        case "L":
            return 3 + sum(1 + value_bytes(member) for member in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + value_bytes(member) for name, member in content.items())
        case _:
            raise ValueError(f"not a DynamoDB type: {kind}")


def number_bytes(text: str) -> int:
    """The size of a number: one byte for two significant digits (pairs aligned at the decimal point), one for the exponent, one for a minus sign."""
    mantissa, _, exponent = text.lstrip("-").partition("E")
    whole, _, fraction = mantissa.partition(".")
    scale = int(exponent or 0) - len(fraction)
    digits = (whole + fraction).lstrip("0")
    stripped = digits.rstrip("0")
    if not stripped:
        return 1
    scale += len(digits) - len(stripped)
    first, last = (scale + len(stripped) - 1) // 2, scale // 2  # the base-100 places of the first and the last digit
    return first - last + 1 + 1 + text.startswith("-")
