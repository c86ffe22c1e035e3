"""What the ledger needs of its table: consistent reads, all-or-nothing writes with conditions, ordered queries, and the table's own clock.

An item is its attributes by name: text, whole numbers and fractions, truth values, lists of text. ``pk`` and ``sk``, both text, are its
key. Absent and None are the same: stores drop attributes that are None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from headrace.errors import HeadraceError

Key = tuple[str, str]
Item = Mapping[str, Any]

TRANSACTION_WRITES_MAX = 100
"""Writes in one TransactWriteItems, each on another item (DynamoDB API reference, TransactWriteItems, 2026-11)."""

LISTING = "listing"
"""The one global index: hash key attribute ``listing``, range key attribute ``listed_at``, both text, all attributes projected."""


@dataclass(frozen=True)
class Is:
    """The attribute has this value; None: it is absent."""

    name: str
    value: Any


@dataclass(frozen=True)
class In:
    """The attribute has one of these values."""

    name: str
    values: Sequence[str]


@dataclass(frozen=True)
class Below:
    """The attribute is absent or less than ``value``."""

    name: str
    value: float


Condition = Is | In | Below


@dataclass(frozen=True)
class Put:
    """Replace the whole item with the key that ``item`` holds."""

    item: Item
    conditions: Sequence[Condition] = ()

    @property
    def key(self) -> Key:
        return self.item["pk"], self.item["sk"]


@dataclass(frozen=True)
class Update:
    """Change single attributes; makes the item if it is not there, unless a condition says otherwise. ``add`` begins from 0."""

    key: Key
    set: Item = field(default_factory=dict)
    add: Mapping[str, float] = field(default_factory=dict)
    remove: Sequence[str] = ()
    conditions: Sequence[Condition] = ()


@dataclass(frozen=True)
class Check:
    """Change nothing; the other writes happen only if all conditions hold."""

    key: Key
    conditions: Sequence[Condition]


Write = Put | Update | Check


class ConditionFailed(HeadraceError):
    """Nothing was applied: the conditions of ``writes[index]``, the first such, did not hold. ``item`` is what was there, or None."""

    def __init__(self, index: int, key: Key, item: Item | None) -> None:
        super().__init__("CONDITION_FAILED", f"the ledger item {key[0]} {key[1]} is not as expected")
        self.index = index
        self.key = key
        self.item = item


class LedgerStore(Protocol):
    """One ledger table. Throttling, conflicts and lost answers are overcome inside, up to a limit; then Throttled or Unavailable is raised.

    Any call may raise Denied or ServiceError. After Unavailable from ``transact`` the writes may have been applied.
    """

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """The items that are there, at most 100 distinct keys; each as of its last acknowledged write, but not all as of one moment."""
        ...

    def transact(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none, exactly once, however often the call had to be sent: 1..100, each on another item. Raises ConditionFailed."""
        ...

    def query(self, pk: str, prefix: str, *, is_descending: bool = False) -> Iterator[Item]:
        """The items of ``pk`` whose ``sk`` begins with ``prefix`` (not empty), in the order of UTF-8 bytes, read page by page as they are asked for."""
        ...

    def listing(self, name: str, *, is_descending: bool = False) -> Iterator[Item]:
        """The items whose ``listing`` is ``name`` by ``listed_at``, page by page; the index may lag behind the table by seconds."""
        ...

    def now(self) -> float:
        """Seconds since the epoch by the table's clock; at most LAG_S_MAX behind it and not ahead of it, whatever this machine's clock says."""
        ...


LAG_S_MAX = 4.0
"""How far ``now`` may be behind: up to 1 s because HTTP dates have whole seconds (RFC 9110, 5.6.7), the rest for the answer's way."""
