"""The counts of one load and how it ended. ``read = written + rejected + filtered + superseded``, or the load fails loudly."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from headrace.errors import HeadraceError

State = Literal["LOADED", "FAILED"]


@dataclass(slots=True)
class Counts:
    """Counters of one load, in records; ``written`` counts acknowledged items only."""

    read: int = 0
    written: int = 0
    rejected: int = 0
    filtered: int = 0
    superseded: int = 0
    """Records replaced by a later record of the same key before they were written."""
    calls: int = 0
    """BatchWriteItem calls sent, repeats included."""
    unprocessed: int = 0
    """Items that the table handed back and that were sent again."""
    write_units: float = 0.0
    """Write units that the table said it consumed."""

    @property
    def accounted(self) -> int:
        """Records whose end is known."""
        return self.written + self.rejected + self.filtered + self.superseded

    def require_balance(self) -> None:
        """Raise COUNTS_UNBALANCED unless every record read has exactly one end."""
        if self.read != self.accounted:
            raise HeadraceError(
                "COUNTS_UNBALANCED",
                f"read {self.read} but written {self.written} + rejected {self.rejected} + filtered {self.filtered}"
                f" + superseded {self.superseded} = {self.accounted}",
                hint="this is a defect of headrace: keep the object and report it; loading the object again is safe",
            )


@dataclass(frozen=True)
class Outcome:
    """What happened to one object. In a FAILED load ``unknown`` records were read and have no end yet: the next attempt repeats them."""

    object: str
    route: str
    table: str
    state: State
    read: int
    written: int
    rejected: int
    filtered: int
    superseded: int
    unknown: int
    calls: int
    unprocessed: int
    write_units: float
    bytes: int
    """Bytes read of the object as stored."""
    seconds: float
    rejects: str = ""
    """Address of the rejected records, empty if there are none."""
    error: str = ""
    """Stable code of the failure, empty unless FAILED."""
    message: str = ""
    hint: str = ""
    retryable: bool = False
    """Whether the failure may pass by itself, so that the event comes again: it lies with AWS, not with the object."""

    def as_json(self) -> dict[str, Any]:
        """All fields by name, for ``--json`` and the log line."""
        return asdict(self)
