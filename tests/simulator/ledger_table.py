"""The ledger's table as one function sees it: late, throttled, away, or answering what nobody hears."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.memory_ledger import MemoryLedger
from headrace.errors import Throttled, Unavailable
from headrace.ledger.store import Write
from headrace.ports import Clock
from simulator.function import Gate


class TrueClock:
    """The table's own time."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.monotonic = now

    def sleep(self, seconds: float) -> None:
        raise AssertionError("the table does not sleep")


class SimulatedLedger(MemoryLedger):
    """Calls pass the gate; the watch is told of each change of an item."""

    def __init__(self, clock: Clock, gate: Gate, sharing: MemoryLedger) -> None:
        super().__init__(clock, lag_s=gate.lag_s, sharing=sharing)
        self._gate = gate
        self.around = self._around

    def apply(self, write: Write) -> None:
        before = self.items.get(write.key)
        before = dict(before) if before else None
        super().apply(write)
        after: dict[str, Any] = self.items[write.key]
        self._gate.world.watch.ledger_changed(self._gate, write.key, before, after)

    def _around(self, operation: str, is_done: bool) -> None:
        faults = self._gate.world.faults
        if is_done:
            self._gate.leave(f"ledger.{operation}")
            if operation == "transact" and faults.hit("ledger.answer_lost"):
                raise Unavailable("LEDGER_UNAVAILABLE", "no answer; it was applied")
            return
        self._gate.enter(f"ledger.{operation}")
        if faults.hit("ledger.throttled"):
            raise Throttled("LEDGER_THROTTLED", "throttled")
        if faults.hit("ledger.unavailable"):
            raise Unavailable("LEDGER_UNAVAILABLE", "no answer")
