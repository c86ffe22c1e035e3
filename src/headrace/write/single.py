"""Writes that take one call each, because they have a condition or change a part of an item."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from headrace.write.batch import IDENTITY, KEPT_CHARACTERS_MAX, KEPT_MAX, REQUEST, Entry


class KeyQueue:
    """Entries of one key one after the other, in the order they came; those of different keys in any. Stands where a Batcher does.

    An entry is *ready*, *flying* (handed out, not acknowledged), or *held* behind a ready or flying one of its key. None is ever
    left out: with these writes each entry counts, whatever comes after it.
    """

    def __init__(self) -> None:
        self._ready: deque[Entry] = deque()
        self._held: dict[str, deque[Entry]] = {}  # by key, also empty, while an entry of the key is ready or flying
        self.kept = 0  # entries held
        self.kept_characters = 0

    def __len__(self) -> int:
        return len(self._ready) + self.kept

    @property
    def is_full(self) -> bool:
        """Whether an entry should be taken, or one acknowledged, before anything is added."""
        return bool(self._ready) or self.kept > KEPT_MAX or self.kept_characters > KEPT_CHARACTERS_MAX

    def fill(self, entries: Sequence[Entry], begin: int) -> tuple[int, int]:
        """Take the entry at ``begin``; the place after it, and 0, since it supersedes none."""
        entry = entries[begin]
        held = self._held.get(entry[IDENTITY])
        if held is None:
            self._held[entry[IDENTITY]] = deque()
            self._ready.append(entry)
        else:
            held.append(entry)
            self._keep(entry, 1)
        return begin + 1, 0

    def take(self, most: int = 1, characters: int = 0) -> list[Entry]:
        """The next entries, at most ``most`` of any size, now flying; empty if every one left waits for one of its key."""
        return [self._ready.popleft() for _ in range(min(most, len(self._ready)))]

    def release(self, entries: Sequence[Entry]) -> None:
        """``entries`` have come to their end: the next one of each key is ready."""
        for entry in entries:
            held = self._held[entry[IDENTITY]]
            if held:
                self._ready.append(held.popleft())
                self._keep(self._ready[-1], -1)
            else:
                del self._held[entry[IDENTITY]]

    def refuse(self, entry: Entry) -> int:
        """``entry`` will never be in the table; returns 0, since it had superseded none."""
        self.release([entry])
        return 0

    def _keep(self, entry: Entry, sign: int) -> None:
        self.kept += sign
        self.kept_characters += sign * len(entry[REQUEST])


def is_item_of(entry: Entry, existing: Mapping[str, Any] | None) -> bool:
    """Whether ``existing`` (DynamoDB JSON) is the item that the PutItem of ``entry`` writes: then an earlier attempt of it was applied."""
    item = json.loads(f"{{{entry[REQUEST].partition(' ')[2]}}}").get("Item")
    return item is not None and existing is not None and _comparable({"M": item}) == _comparable({"M": existing})


def _comparable(value: Mapping[str, Any]) -> object:
    """A typed value in a form in which equal values are equal: numbers come back in another notation, sets in another order."""
    ((kind, content),) = value.items()
    match kind:
        case "M":
            return kind, {name: _comparable(member) for name, member in content.items()}
        case "L":
            return kind, [_comparable(member) for member in content]
        case "N":
            return kind, Decimal(content)
        case "NS":
            return kind, frozenset(map(Decimal, content))
        case "SS" | "BS":
            return kind, frozenset(content)
        case _:
            return kind, content
