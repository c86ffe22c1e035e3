"""How much was loaded on each day, for the limits of a deployment."""

from __future__ import annotations

from datetime import UTC, datetime

from headrace.ledger.entries import Counts, expiry
from headrace.ledger.store import LedgerStore, Update


class Spending:
    """Counts by day in UTC, by the table's clock. A worker that dies between its commit and this leaves its last slice out: a brake, not a bill."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    def today(self) -> Counts:
        """What was added today."""
        key = self._key()
        item = self._store.get([key]).get(key, {})
        return {name: value for name, value in item.items() if name in ("bytes", "records")}

    def add(self, *, bytes: int, records: int) -> None:
        """Add to today's counts."""
        now = self._store.now()
        self._store.transact([Update(self._key(), set={"expires_at": expiry(now)}, add={"bytes": bytes, "records": records})])

    def _key(self) -> tuple[str, str]:
        return f"day#{datetime.fromtimestamp(self._store.now(), UTC):%Y-%m-%d}", "spent"
