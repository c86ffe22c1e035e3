"""A LedgerStore in memory, with a place to interfere before and after each call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from headrace.ledger.store import LISTING, TRANSACTION_WRITES_MAX, Check, Condition, ConditionFailed, In, Is, Item, Key, Put, Update, Write
from headrace.ports import Clock


class MemoryLedger:
    """A table of dictionaries. Its clock is ``clock``, read in whole seconds and ``lag_s`` late, as the real one is.

    ``around`` is told of each call before it happens (``False``) and when it is done (``True``); it may raise, or make other calls.
    ``sharing`` is another store of the same table: another process.
    """

    def __init__(self, clock: Clock, *, lag_s: float = 0.0, sharing: MemoryLedger | None = None) -> None:
        self.items: dict[Key, dict[str, Any]] = sharing.items if sharing else {}
        self.around: Callable[[str, bool], None] = lambda operation, is_done: None
        self.calls: list[str] = []
        self._clock = clock
        self._lag_s = lag_s
        self._lock = sharing._lock if sharing else threading.Lock()

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        assert 1 <= len(set(keys)) == len(keys) <= 100
        with self._call("get"):
            return {key: dict(self.items[key]) for key in keys if key in self.items}

    def transact(self, writes: Sequence[Write]) -> None:
        assert 1 <= len({write.key for write in writes}) == len(writes) <= TRANSACTION_WRITES_MAX
        with self._call("transact"):
            for index, write in enumerate(writes):
                item = self.items.get(write.key)
                if not all(_holds(condition, item or {}) for condition in write.conditions):
                    raise ConditionFailed(index, write.key, dict(item) if item else None)
            for write in writes:
                self.apply(write)

    def query(self, pk: str, prefix: str, *, is_descending: bool = False) -> Iterator[Item]:
        assert prefix
        with self._call("query"):
            found = sorted((key for key in self.items if key[0] == pk and key[1].startswith(prefix)), key=lambda key: key[1].encode(), reverse=is_descending)
            items = [dict(self.items[key]) for key in found]
        yield from items

    def listing(self, name: str, *, is_descending: bool = False) -> Iterator[Item]:
        with self._call("listing"):
            found = [item for item in self.items.values() if item.get(LISTING) == name]
            items = [dict(item) for item in sorted(found, key=lambda item: str(item["listed_at"]), reverse=is_descending)]
        yield from items

    def now(self) -> float:
        return float(int(self._clock.now() - self._lag_s))

    def apply(self, write: Write) -> None:
        """Do one write whose conditions hold; a subclass may look at what it does."""
        match write:
            case Put():
                self.items[write.key] = {name: value for name, value in write.item.items() if value is not None}
            case Update():
                item = self.items.setdefault(write.key, {"pk": write.key[0], "sk": write.key[1]})
                added = {name: item.get(name, 0) + value for name, value in write.add.items()}
                item |= {**write.set, **added}
                for name in [*write.remove, *(name for name, value in item.items() if value is None)]:
                    item.pop(name, None)
            case Check():
                pass

    def _call(self, operation: str) -> _Call:
        return _Call(self, operation)


class _Call:
    """One call: told of, alone on the table, told of again."""

    def __init__(self, store: MemoryLedger, operation: str) -> None:
        self._store = store
        self._operation = operation

    def __enter__(self) -> None:
        self._store.calls.append(self._operation)
        self._store.around(self._operation, False)
        self._store._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._store._lock.release()
        if error[0] is None:
            self._store.around(self._operation, True)


def _holds(condition: Condition, item: Item) -> bool:
    value = item.get(condition.name)
    match condition:
        case Is():
            return bool(value == condition.value)
        case In():
            return value in condition.values
        case _:
            return value is None or bool(value < condition.value)
