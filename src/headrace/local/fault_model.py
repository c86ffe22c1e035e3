"""A file of fault rules as it is written. docs/faults.md says what each name means."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class FaultRule:
    """A rule as it stands in the file."""

    operation: str
    name: str = ""
    path: str = "*"
    containing: str = ""
    from_s: float = 0.0
    until_s: float = math.inf
    calls: list[int] = field(default_factory=list)
    every: int | None = None
    first: int | None = None
    chance: float = 1.0
    delay_s: float | None = None
    when: Literal["before", "after"] = "before"
    cut: Literal["close", "reset"] | None = None
    cut_body_at: int | None = None
    status: int | None = None
    error: str | None = None
    reason: str = ""
    unprocessed: float | None = None
    failed_entries: float | None = None


@dataclass(frozen=True)
class FaultRules:
    """The file."""

    rules: list[FaultRule]
    seed: int = 0
