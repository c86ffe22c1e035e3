"""Which items go into the next call: at most 25, never one key twice, and no key that is still under way."""

from __future__ import annotations

from typing import NamedTuple

from headrace.record import Block

ITEMS_MAX = 25
CHARACTERS_MAX = 1_048_576
"""Batches are closed at this many characters of requests. DynamoDB takes 16 MB; small bodies keep memory bounded and cost the same."""


class Entry(NamedTuple):
    """An item on its way: its key as text, its request as JSON, and its record's origin."""

    identity: str
    request: str
    block: Block
    first: int
    last: int


class Batcher:
    """Collects entries in the order they came; the last entry of a key wins.

    An entry is *open* (in the batch being filled), *flying* (handed out, not acknowledged), or *held* (its key is flying). ``add``
    and ``released`` return how many entries were superseded or freed, so that the caller's counts stay complete.
    """

    def __init__(self) -> None:
        self._open: dict[str, Entry] = {}
        self._characters = 0
        self._flying: set[str] = set()
        self._held: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._open) + len(self._held)

    @property
    def is_full(self) -> bool:
        """Whether a batch should be taken before anything is added."""
        return len(self._open) >= ITEMS_MAX or self._characters >= CHARACTERS_MAX

    @property
    def held(self) -> int:
        """Entries that wait for an earlier one of their key."""
        return len(self._held)

    def add(self, entry: Entry) -> int:
        """Take one entry; returns 1 if it replaced an earlier one that was not handed out yet, which is thereby superseded."""
        waiting = self._held if entry.identity in self._flying else self._open
        earlier = waiting.pop(entry.identity, None)
        waiting[entry.identity] = entry
        if waiting is self._open:
            self._characters += len(entry.request) - (len(earlier.request) if earlier else 0)
        return 0 if earlier is None else 1

    def take(self) -> list[Entry]:
        """The next batch in order, at most ITEMS_MAX entries and about CHARACTERS_MAX characters, now flying; empty if nothing is open."""
        batch: list[Entry] = []
        characters = 0
        while self._open and len(batch) < ITEMS_MAX and characters < CHARACTERS_MAX:
            identity = next(iter(self._open))
            entry = self._open.pop(identity)
            characters += len(entry.request)
            self._flying.add(identity)
            batch.append(entry)
        self._characters -= characters
        return batch

    def release(self, entry: Entry) -> None:
        """``entry`` is no longer flying; a held entry of its key becomes open."""
        self._flying.discard(entry.identity)
        successor = self._held.pop(entry.identity, None)
        if successor is not None:
            self._open[entry.identity] = successor
            self._characters += len(successor.request)
