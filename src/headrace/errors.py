"""What can go wrong, in one tree, and the code of every case.

    HeadraceError
    ├── ConfigError     headrace.yaml is wrong: all problems at once, nothing was touched       exit 2
    ├── RecordError     one record cannot become an item: it is rejected, its neighbours go on   exit 3
    ├── ObjectError     one object cannot be loaded, now or later, until somebody changes it     exit 1
    └── ServiceError    AWS did not do what was asked
        ├── Throttled       slow down and ask again
        ├── Unavailable     no usable answer: ask again, the request may or may not have been applied
        ├── Invalid         the whole call was refused because of what is in it
        ├── Denied          a permission is missing: asking again does not help
        └── Deadline        time ran out before everything was written

Each carries a stable code, what was found, what was expected, and a hint naming the next action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


class HeadraceError(Exception):
    """The root. ``str(error)`` is one sentence for people; ``code`` is for programs and never changes."""

    retryable: bool = False

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class ConfigProblem:
    """One mistake in a config. ``path`` is dotted from the top (``routes[0].columns.price``), ``line`` is 1-based or 0."""

    path: str
    found: str
    expected: str
    hint: str = ""
    line: int = 0


class ConfigError(HeadraceError):
    """Every problem of a config at once; ``problems`` is never empty."""

    def __init__(self, source: str, problems: list[ConfigProblem]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("CONFIG_INVALID", f"{source}: {count}", hint="correct the lines named and run `headrace check`")
        self.source = source
        self.problems = problems


class RecordError(HeadraceError):
    """One record cannot become an item. Raised by steps and encoders, caught in the record loop and nowhere else."""

    def __init__(self, code: str, *, column: str = "", found: str = "", expected: str = "") -> None:
        where = f"column {column}: " if column else ""
        super().__init__(code, f"{where}found {found}, expected {expected}")
        self.column = column
        self.found = found
        self.expected = expected


class ObjectError(HeadraceError):
    """One object cannot be loaded as it is. ``object`` is ``bucket/key@version`` or a file name."""

    def __init__(self, code: str, message: str, *, object: str = "", hint: str = "") -> None:
        super().__init__(code, message, hint=hint)
        self.object = object


class ServiceError(HeadraceError):
    """AWS did not do what was asked. ``service_code`` is AWS's own name of the error."""

    def __init__(self, code: str, message: str, *, service_code: str = "", hint: str = "") -> None:
        super().__init__(code, message, hint=hint)
        self.service_code = service_code


ThrottlingReason = Literal["hot_key", "own_cap", "account", "index", "table"]
"""What limits the writes: one partition key, the table's own MaxWriteRequestUnits, the account's quota, an index, or the table's capacity."""


class Throttled(ServiceError):
    """Nothing of the call was applied; it will be accepted later. ``reason`` is what limits, where the service says."""

    retryable = True

    def __init__(self, code: str, message: str, *, service_code: str = "", hint: str = "", reason: ThrottlingReason = "table") -> None:
        super().__init__(code, message, service_code=service_code, hint=hint)
        self.reason: ThrottlingReason = reason


class Unavailable(ServiceError):
    """No usable answer came (connection lost, HTTP 5xx): the call may have been applied, so only repeatable calls are repeated."""

    retryable = True


class Invalid(ServiceError):
    """Nothing was applied: something in the call breaks a rule of the service."""


class Denied(ServiceError):
    """Nothing was applied: the caller lacks the permission that the message names."""


class Deadline(ServiceError):
    """The time given ran out. What was acknowledged before is written; the rest is not."""

    retryable = True


def shortened(value: object, limit: int = 60) -> str:
    """``value`` as quoted text of at most ``limit`` characters on one line, for messages."""
    text = repr(value) if not isinstance(value, str) else f"'{value}'".replace("\r", "\\r").replace("\n", "\\n")
    return text if len(text) <= limit else f"{text[: limit - 1]}… ({len(text) - 2} characters)"
