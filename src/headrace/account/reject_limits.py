"""How many rejected records an object may have: the route's error policy, and what is kept of them."""

from __future__ import annotations

from headrace.account.outcome import Counts
from headrace.config.model import OnError
from headrace.errors import ObjectError
from headrace.record import Rejection

PERCENT_RECORDS_MIN = 1_000
"""Before so many records a share of rejected ones says little."""


class RejectLimits:
    """The limits for one object, or for a part of one; ``read_before`` and ``rejected_before`` count the records before the part."""

    def __init__(self, policy: OnError, bytes_max: int, *, read_before: int, rejected_before: int) -> None:
        self._policy = policy
        self._bytes_max = bytes_max
        self._read_before = read_before
        self._rejected_before = rejected_before
        self._allowed = 0 if policy.action == "abort" else policy.max_rejects

    def passed_before(self) -> ObjectError | None:
        """What the limit of rejected records says, if it was passed before this part."""
        if self._allowed is None or self._rejected_before <= self._allowed:
            return None
        message = f"{self._rejected_before} records rejected before, expected at most {self._allowed}"
        return ObjectError("TOO_MANY_REJECTS", message, hint="correct the file or the route; on_error.max_rejects is the limit")

    def passed(self, counts: Counts, kept_bytes: int, last: Rejection | None, *, is_end: bool = False) -> ObjectError | None:
        """What a limit says, if one is passed by ``counts``, of which ``kept_bytes`` of rejected records are kept, the ``last`` one of the part, if any."""
        column = f" in column {last.column}" if last and last.column else ""  # not its message, which has a value: this goes to the log
        where = f"the last at line {last.line}{column}: {last.code}" if last else "all before what was read last"
        if kept_bytes > self._bytes_max:
            message = f"more than {self._bytes_max} bytes of rejected records, {where}"
            return ObjectError("REJECTS_TOO_LARGE", message, hint="correct the file or the route; limits.rejects_bytes_max is the limit")
        rejected, read = self._rejected_before + counts.rejected, self._read_before + counts.read
        allowed, percent = self._allowed, self._policy.max_reject_percent
        if percent is not None and (read >= PERCENT_RECORDS_MIN or is_end) and rejected * 100 > percent * read:
            allowed = int(percent * read / 100)
        if allowed is None or rejected <= allowed:
            return None
        return ObjectError(
            "TOO_MANY_REJECTS",
            f"{rejected} records rejected, expected at most {allowed}; {where}",
            hint="correct the file or the route; on_error.max_rejects and max_reject_percent are the limits",
        )
