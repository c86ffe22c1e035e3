"""An ItemStore in memory that keeps the rules of BatchWriteItem and of single writes, and checks what a writer must never do."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from contracts.memory_expressions import holds, updated
from headrace.config.model import KeyType
from headrace.encode.limits import BATCH_ITEMS_MAX, ITEM_BYTES_MAX, item_bytes
from headrace.encode.numbers import number
from headrace.errors import Invalid, RecordError, ServiceError
from headrace.ports import Clock, Operation, Reply

LETTERS = {"string": "S", "number": "N", "binary": "B"}
Item = dict[str, Any]
HANGS: Any = object()
"""As an answer: none, for ever."""


class MemoryTable:
    """A table with its items by key. Nothing of a refused call is applied; numbers are stored in one form.

    A call is applied when it is answered; calls are answered one at a time, in the order in which they were started unless ``pick`` says otherwise.
    """

    def __init__(self, name: str, key: Mapping[str, KeyType], clock: Clock | None = None) -> None:
        self.name = name
        self.key = key
        self.stored: dict[str, Item] = {}
        self.calls: list[list[str]] = []
        """The keys of each call, in the order of arrival."""
        self.violations: list[str] = []
        self.is_closed = False
        self.abandoned = 0
        self.clock = clock
        self.pick: Callable[[int], int] = lambda waiting: 0
        self.is_slow = False
        """Whether it answers only those who wait, so that calls are in flight together."""
        self._numbers = itertools.count(1)
        self._waiting: list[tuple[int, list[tuple[str, Item]] | ServiceError, list[str]]] = []

    def start(self, operation: Operation, body: bytes) -> int:
        requests, keys = self._read(operation, json.loads(body))
        flying = {key for _, _, waiting in self._waiting for key in waiting}
        self.violations += [f"{key} is in flight" for key in keys if key in flying] + ["a call after close"] * self.is_closed
        self.calls.append(keys)
        number = next(self._numbers)
        self._waiting.append((number, requests, keys))
        return number

    def answers(self, timeout_s: float) -> list[tuple[int, Reply | Exception]]:
        if self._waiting and (timeout_s or not self.is_slow):
            number, requests, keys = self._waiting.pop(self.pick(len(self._waiting)))
            answer = self._answer(requests, keys)
            if answer is not HANGS:
                return [(number, answer)]
            self._waiting.append((number, requests, keys))
        if self.clock and timeout_s:
            self.clock.sleep(timeout_s)
        return []

    def abandon(self) -> None:
        self.abandoned += len(self._waiting)
        self._waiting.clear()

    def close(self) -> None:
        self.abandon()
        self.is_closed = True

    def answer(self, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        """What the table does; tests replace it to do less."""
        return self.apply(requests, keys)

    def apply(self, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        for (kind, content), key in zip(requests, keys, strict=True):
            existing = self.stored.get(key)
            match kind:
                case "PutRequest":
                    self.stored[key] = _normalised(content)
                case "DeleteRequest":
                    self.stored.pop(key, None)
                case _ if not holds(content, existing):
                    return Reply(is_applied=False, existing=existing if content.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else None)
                case "DeleteItem":
                    self.stored.pop(key, None)
                case _:
                    self.stored[key] = _normalised(content["Item"] if kind == "PutItem" else updated(content, existing))
        return Reply([], float(len(requests)))

    def _answer(self, requests: list[tuple[str, Item]] | ServiceError, keys: list[str]) -> Any:
        try:
            if isinstance(requests, ServiceError):
                raise requests
            return self.answer(requests, keys)
        except Exception as error:
            return error

    def _read(self, operation: Operation, call: Item) -> tuple[list[tuple[str, Item]] | ServiceError, list[str]]:
        """The requests of a call, or why it is refused, and their keys."""
        try:
            if operation == "BatchWriteItem":
                requests = self._requests(call)
                return requests, [self.key_of(content) for _, content in requests]
            return [(operation, call)], [self._single_key(operation, call)]
        except ServiceError as error:
            return error, []
        except RecordError as error:
            return Invalid("CALL_REFUSED", error.message), []

    def _single_key(self, operation: Operation, call: Item) -> str:
        """The key of a single write. Raises Invalid, ServiceError."""
        if call["TableName"] != self.name:
            raise ServiceError("TABLE_MISSING", f"no table {call['TableName']}")
        key = self.key_of(call["Item" if operation == "PutItem" else "Key"])
        written = updated(call, self.stored.get(key)) if operation == "UpdateItem" else call.get("Item", {})
        self._require_size([written])
        return key

    def key_of(self, item: Item) -> str:
        """The key as text; Invalid where it is none."""
        values = []
        for name, kind in self.key.items():
            value = item.get(name)
            if not isinstance(value, dict) or list(value) != [LETTERS[kind]] or not value[LETTERS[kind]]:
                raise Invalid("CALL_REFUSED", f"Type mismatch or empty value for key {name}")
            values.append(_normalised({name: value})[name][LETTERS[kind]])
        return json.dumps(values)

    def _requests(self, call: Item) -> list[tuple[str, Item]]:
        """The requests of a call as ("PutRequest", item) or ("DeleteRequest", key). Raises Invalid, ServiceError."""
        ((table, entries),) = call["RequestItems"].items()
        if table != self.name:
            raise ServiceError("TABLE_MISSING", f"no table {table}")
        if not 1 <= len(entries) <= BATCH_ITEMS_MAX:
            raise Invalid("CALL_REFUSED", "Too many items requested for the BatchWriteItem call")
        requests = [(kind, next(iter(content.values()))) for entry in entries for kind, content in entry.items()]
        keys = [self.key_of(content) for _, content in requests]
        self._require_size([content for _, content in requests])
        if len(set(keys)) < len(keys):
            raise Invalid("CALL_REFUSED", "Provided list of item keys contains duplicates")
        return requests

    def _require_size(self, items: list[Item]) -> None:
        if max(item_bytes(_normalised(item)) for item in items) > ITEM_BYTES_MAX:
            raise Invalid("CALL_REFUSED", "Item size has exceeded the maximum allowed size")


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
