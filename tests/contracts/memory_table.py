"""An ItemStore in memory that keeps the rules of BatchWriteItem and checks what a writer must never do."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from headrace.config.model import KeyType
from headrace.encode.limits import BATCH_ITEMS_MAX, ITEM_BYTES_MAX, item_bytes
from headrace.encode.numbers import number
from headrace.errors import Invalid, RecordError, ServiceError
from headrace.ports import BatchReply

LETTERS = {"string": "S", "number": "N", "binary": "B"}
Item = dict[str, Any]


class MemoryTable:
    """A table with its items by key. Nothing of a refused call is applied; numbers are stored in one form."""

    def __init__(self, name: str, key: Mapping[str, KeyType]) -> None:
        self.name = name
        self.key = key
        self.stored: dict[str, Item] = {}
        self.calls: list[list[str]] = []
        """The keys of each call, in the order of arrival."""
        self.violations: list[str] = []
        self.is_closed = False
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()

    def batch_write(self, body: bytes) -> BatchReply:
        requests = self._requests(body)
        keys = [self.key_of(content) for _, content in requests]
        with self._watched(keys):
            return self.answer(requests, keys)

    def answer(self, requests: list[tuple[str, Item]], keys: list[str]) -> BatchReply:
        """What the table does; tests replace it to do less."""
        self.apply(requests, keys)
        return BatchReply([], float(len(requests)))

    def apply(self, requests: list[tuple[str, Item]], keys: list[str]) -> None:
        with self._lock:
            for (kind, content), key in zip(requests, keys, strict=True):
                if kind == "PutRequest":
                    self.stored[key] = _normalised(content)
                else:
                    self.stored.pop(key, None)

    def close(self) -> None:
        self.is_closed = True

    def key_of(self, item: Item) -> str:
        """The key as text; Invalid where it is none."""
        values = []
        for name, kind in self.key.items():
            value = item.get(name)
            if not isinstance(value, dict) or list(value) != [LETTERS[kind]] or not value[LETTERS[kind]]:
                raise Invalid("CALL_REFUSED", f"Type mismatch or empty value for key {name}")
            values.append(_normalised({name: value})[name][LETTERS[kind]])
        return json.dumps(values)

    @contextmanager
    def _watched(self, keys: list[str]) -> Any:
        with self._lock:
            self.calls.append(keys)
            self.violations += [f"{key} is in flight" for key in keys if key in self._in_flight]
            self._in_flight.update(keys)
            if self.is_closed:
                self.violations.append("a call after close")
        try:
            yield
        finally:
            with self._lock:
                self._in_flight.difference_update(keys)

    def _requests(self, body: bytes) -> list[tuple[str, Item]]:
        """The requests of a call as ("PutRequest", item) or ("DeleteRequest", key). Raises Invalid, ServiceError."""
        ((table, entries),) = json.loads(body)["RequestItems"].items()
        if table != self.name:
            raise ServiceError("TABLE_MISSING", f"no table {table}")
        if not 1 <= len(entries) <= BATCH_ITEMS_MAX:
            raise Invalid("CALL_REFUSED", "Too many items requested for the BatchWriteItem call")
        requests = [(kind, next(iter(content.values()))) for entry in entries for kind, content in entry.items()]
        try:
            keys = [self.key_of(content) for _, content in requests]
            sizes = [item_bytes(_normalised(content)) for _, content in requests]
        except RecordError as error:
            raise Invalid("CALL_REFUSED", error.message) from None
        if max(sizes) > ITEM_BYTES_MAX:
            raise Invalid("CALL_REFUSED", "Item size has exceeded the maximum allowed size")
        if len(set(keys)) < len(keys):
            raise Invalid("CALL_REFUSED", "Provided list of item keys contains duplicates")
        return requests


def _normalised(item: Item) -> Item:
    """``item`` with its numbers as a table gives them back: plain digits."""
    return {name: _value(value) for name, value in item.items()}


def _value(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return {"N": _plain(content)}
        case "NS":
            return {"NS": [_plain(member) for member in content]}
        case "L":
            return {"L": [_value(member) for member in content]}
        case "M":
            return {"M": _normalised(content)}
    return value


def _plain(text: str) -> str:
    return f"{Decimal(number(text)):f}"
