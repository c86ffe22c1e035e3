"""Which items go into the next call: at most 25, never one key twice, and no key that is still under way."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from headrace.record import Block

ITEMS_MAX = 25
CHARACTERS_MAX = 1_048_576
"""Batches are closed at this many characters of requests. DynamoDB takes 16 MB; small bodies keep memory bounded and cost the same."""
REPLACED_MAX = 100
"""A batch is closed when its entries replaced so many others: those are kept until it is acknowledged."""
KEPT_MAX = 200
KEPT_CHARACTERS_MAX = 8_388_608
"""Entries held or replaced, and characters of their requests, before no new ones are taken: each may keep a block of 256 KB alive."""

Entry = tuple[str, str, Block, int, int]
"""An item on its way: its key as text, its request as JSON, and its record's origin. One for each record: named, it would take twice as long to make."""
IDENTITY: Final = 0
REQUEST: Final = 1
BLOCK: Final = 2
FIRST: Final = 3
LAST: Final = 4

_identity, request_of = itemgetter(IDENTITY), itemgetter(REQUEST)  # for map
NOTHING: Sequence[Entry] = ()


class Batcher:
    """Collects entries in the order they came; the last entry of a key wins.

    An entry is *open* (in the batch being filled), *flying* (handed out, not acknowledged), or *held* (its key is flying). One that
    is replaced by a later entry of its key before it was handed out is *superseded*, but kept until the later one is acknowledged:
    should the table refuse that one, the earlier one is the last that counts. ``add`` and ``refuse`` return by how much the number
    of superseded entries changed, so that the caller's counts stay complete.
    """

    def __init__(self) -> None:
        self._open: dict[str, Entry] = {}
        self._held: dict[str, Entry] = {}
        self._replaced: dict[str, list[Entry]] = {}  # by the open or held entry of the key, oldest first
        self._flying: set[str] = set()
        self._behind: dict[str, Sequence[Entry]] = {}  # what a flying entry replaced, by its key; for few of them
        self._characters = 0  # of the open entries and what they replaced
        self._replaced_by_open = 0
        self.kept = 0  # entries held or replaced
        self.kept_characters = 0

    def __len__(self) -> int:
        return len(self._open) + len(self._held)

    @property
    def is_full(self) -> bool:
        """Whether a batch should be taken, or one acknowledged, before anything is added."""
        if len(self._open) >= ITEMS_MAX or self._characters >= CHARACTERS_MAX:
            return True
        return self.kept > 0 and (self._replaced_by_open >= REPLACED_MAX or self.kept > KEPT_MAX or self.kept_characters > KEPT_CHARACTERS_MAX)

    def fill(self, entries: Sequence[Entry], begin: int) -> tuple[int, int]:
        """Take entries from ``begin`` on, as many as there is room for; where it stopped, and by how many more are superseded."""
        some = entries[begin : begin + ITEMS_MAX - len(self._open)]
        new = dict(zip(map(_identity, some), some, strict=True))
        characters = self._characters + _characters(some)
        are_new = len(new) == len(some) and self._flying.isdisjoint(new) and self._open.keys().isdisjoint(new)
        if are_new and characters < CHARACTERS_MAX:  # nearly always: one step for all takes a quarter of the time
            self._open |= new
            self._characters = characters
            return begin + len(some), 0
        superseded = 0
        for at, entry in enumerate(some, begin + 1):
            superseded += self.add(entry)
            if self.is_full:
                return at, superseded
        return begin + len(some), superseded

    def add(self, entry: Entry) -> int:
        """Take one entry; returns 1 if it replaced an earlier one that was not handed out yet, which is thereby superseded."""
        is_held = entry[IDENTITY] in self._flying
        waiting = self._held if is_held else self._open
        earlier = waiting.pop(entry[IDENTITY], None)
        waiting[entry[IDENTITY]] = entry
        if earlier is not None:
            self._replaced.setdefault(entry[IDENTITY], []).append(earlier)
        if is_held:
            self._keep(entry)
            return 0 if earlier is None else 1
        self._characters += len(entry[REQUEST])
        if earlier is None:
            return 0
        self._replaced_by_open += 1
        self._keep(earlier)
        return 1

    def take(self, most: int = ITEMS_MAX, characters: int = CHARACTERS_MAX) -> list[Entry]:
        """The next batch in order, now flying; empty if nothing is open. It has at most ``most`` entries of ``characters`` together, or one entry."""
        if len(self._open) <= most and self._characters <= characters and not self._replaced:  # nearly always: what is open is one batch
            batch = list(self._open.values())
            self._flying.update(self._open)
            self._open = {}
            self._characters = 0
            return batch
        batch = []
        while self._open and len(batch) < most:
            identity, entry = next(iter(self._open.items()))
            if batch and len(entry[REQUEST]) > characters:
                break
            del self._open[identity]
            self._flying.add(identity)
            self._characters -= len(entry[REQUEST])
            if replaced := self._replaced.pop(identity, NOTHING):
                self._behind[identity] = replaced
                self._replaced_by_open -= len(replaced)
                self._characters -= _characters(replaced)
            characters -= len(entry[REQUEST])
            batch.append(entry)
        return batch

    def release(self, entries: Sequence[Entry]) -> None:
        """``entries`` are in the table: they are no longer flying, and the held entry of each key becomes open."""
        self._flying.difference_update(map(_identity, entries))
        if not self.kept:  # nearly always: nothing is held, and nothing was replaced
            return
        for entry in entries:
            for earlier in self._behind.pop(entry[IDENTITY], NOTHING):
                self._keep(earlier, -1)
            if entry[IDENTITY] in self._held:
                self._open_again(self._held.pop(entry[IDENTITY]), self._replaced.pop(entry[IDENTITY], NOTHING))

    def refuse(self, entry: Entry) -> int:
        """``entry`` will never be in the table; returns -1 if the last one that it replaced becomes open again."""
        self._flying.remove(entry[IDENTITY])
        replaced = self._behind.pop(entry[IDENTITY], NOTHING)
        if entry[IDENTITY] in self._held:
            self._open_again(self._held.pop(entry[IDENTITY]), [*replaced, *self._replaced.pop(entry[IDENTITY], NOTHING)])
            return 0
        if replaced:
            self._open_again(replaced[-1], replaced[:-1])
            return -1
        return 0

    def _open_again(self, entry: Entry, replaced: Sequence[Entry]) -> None:
        self._keep(entry, -1)
        self._open[entry[IDENTITY]] = entry
        self._characters += len(entry[REQUEST]) + _characters(replaced)
        if replaced:
            self._replaced[entry[IDENTITY]] = list(replaced)
            self._replaced_by_open += len(replaced)

    def _keep(self, entry: Entry, sign: int = 1) -> None:
        self.kept += sign
        self.kept_characters += sign * len(entry[REQUEST])


def _characters(entries: Sequence[Entry]) -> int:
    return sum(map(len, map(request_of, entries)))
