"""Processes that end in the middle of an operation."""

from __future__ import annotations

from collections.abc import Callable


class Killed(Exception):
    """The process ends here."""


class At:
    """For ``MemoryLedger.around``: does something at the ``at``-th moment, counted from 0; each call has one before and one after it."""

    def __init__(self, at: int, action: Callable[[], None]) -> None:
        self.moments = 0
        self._at = at
        self._action = action

    def __call__(self, operation: str, is_done: bool) -> None:
        self.moments += 1
        if self.moments == self._at + 1:
            self._action()


class Kill(At):
    """Ends the process."""

    def __init__(self, at: int) -> None:
        super().__init__(at, self._kill)

    def _kill(self) -> None:
        raise Killed
