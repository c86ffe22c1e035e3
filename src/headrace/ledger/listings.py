"""The names under which the index lists generations, each spread over several by its id.

Every write of a listed item is one on the partition of its name, which takes 1,000 write units a second (DynamoDB developer guide,
bp-partition-key-design, 2026-11). A small object costs two under its open name and one under its ended name, and twelve in the table itself:
so a table at the default quota of 40,000 takes 3,333 objects a second, eight open names 4,000, and four ended ones as many. One open name took 500.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import date

from headrace.ledger.store import Item, LedgerStore

OPEN_NAMES = 8
ENDED_NAMES = 4
"""Fewer, because a look back asks for each on each day."""


def open_listing(generation_id: str) -> str:
    """Where a generation is listed until it ends."""
    return f"open#{int(generation_id[:8], 16) % OPEN_NAMES}"


def ended_listing(generation_id: str, day: str) -> str:
    """Where a generation that ended on ``day`` (``2026-11-22``) is listed."""
    return f"ended#{day}#{int(generation_id[:8], 16) % ENDED_NAMES}"


def all_open(store: LedgerStore) -> Iterator[Item]:
    """The open generations, the oldest first."""
    return heapq.merge(*(store.listing(f"open#{number}") for number in range(OPEN_NAMES)), key=_listed_at)


def all_ended(store: LedgerStore, day: date) -> Iterator[Item]:
    """The generations that ended on ``day``, the last first."""
    names = (f"ended#{day.isoformat()}#{number}" for number in range(ENDED_NAMES))
    return heapq.merge(*(store.listing(name, is_descending=True) for name in names), key=_listed_at, reverse=True)


def _listed_at(item: Item) -> str:
    return str(item["listed_at"])
