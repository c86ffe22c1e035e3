"""The counts of one load and how it ended. ``read = written + rejected + filtered + superseded``, or the load fails loudly."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from headrace.errors import HeadraceError
from headrace.record import Start

State = Literal["LOADED", "INTERRUPTED", "PARTIAL", "FAILED"]
"""How a load ended: all of it; its time was over, the rest begins at ``go_on``; stopped, too many records rejected; not at all."""


@dataclass(slots=True)
class Counts:
    """Counters of one load, in records; ``written`` counts acknowledged items only."""

    read: int = 0
    written: int = 0
    rejected: int = 0
    filtered: int = 0
    superseded: int = 0
    """Records that another item of their key keeps out: a later record of the object, or what is in the table already (``existed``)."""
    existed: int = 0
    """Of the superseded: those for which an item was in the table already (insert_only), or a newer one (newer_wins)."""
    calls: int = 0
    """Calls sent to the table, repeats included."""
    unprocessed: int = 0
    """Items that the table handed back and that were sent again."""
    write_units: float = 0.0
    """Write units that the table said it consumed, indexes included; those of conditions that failed are estimated, since it does not say them."""
    throttles: dict[str, int] = field(default_factory=dict)
    """Calls that the table throttled, wholly or in part, by what limits: hot_key, own_cap, account, index, table."""

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
    existed: int
    unknown: int
    calls: int
    unprocessed: int
    write_units: float
    throttles: dict[str, int]
    bytes: int
    """Bytes read of the object as stored."""
    seconds: float
    go_on: Start | None = None
    """Where the records begin that are not accounted for here; None where there are none, or a whole object failed."""
    rejects: str = ""
    """Address of the rejected records, empty if there are none."""
    error: str = ""
    """Stable code of the failure, empty unless FAILED or PARTIAL."""
    message: str = ""
    hint: str = ""
    retryable: bool = False
    """Whether the failure lies with AWS, not with the object, so that the event comes again."""
    blocked: bool = False
    """Whether somebody must act before it can help: a permission or the table is missing."""

    def as_json(self) -> dict[str, Any]:
        """All fields by name, for ``--json`` and the log line."""
        return asdict(self)
