"""Operations that are tried again where somebody else got ahead."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from headrace.errors import Unavailable
from headrace.ledger.store import ConditionFailed

TRIES_MAX = 50
"""Each try that fails means that somebody else got ahead."""

Result = TypeVar("Result")


def settled(attempt: Callable[[], Result]) -> Result:
    """The result of the first attempt that nobody got ahead of."""
    for _ in range(TRIES_MAX):
        try:
            return attempt()
        except ConditionFailed as failed:
            last = failed
    raise contended(f"{last.key[0]} {last.key[1]}")


def contended(place: str) -> Unavailable:
    """What to raise where others always get ahead."""
    return Unavailable("LEDGER_CONTENDED", f"{place}: others got ahead {TRIES_MAX} times", hint="it is tried again; lower maximum_concurrency if it persists")
