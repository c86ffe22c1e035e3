"""The states of a generation, and which may follow which."""

from __future__ import annotations

from typing import Literal, get_args

State = Literal[
    "RECEIVED",  # known, waits for the workers of an older version
    "PLANNED",  # cut into chunks, none begun since
    "LOADING",  # somebody works on it, or died doing so
    "BLOCKED",  # something is missing that a person must mend: a permission, the table
    "WAITING_RESTORE",  # the object is archived
    "PAUSED",  # over a limit of this deployment
    "LOADED",
    "PARTIAL",  # ended, more records rejected than the route allows
    "FAILED",
    "SUPERSEDED",  # a newer version counts
    "MISSING",  # the object or its version is gone
    "SKIPPED",  # no route wants it
]
STATES: tuple[State, ...] = get_args(State)

FINAL: frozenset[State] = frozenset(("LOADED", "PARTIAL", "FAILED", "SUPERSEDED", "MISSING", "SKIPPED"))
Stop = Literal["BLOCKED", "WAITING_RESTORE", "PAUSED", "FAILED", "SUPERSEDED", "MISSING", "SKIPPED"]
"""What may become of a generation before all of it is done."""

_ANY_STOP: tuple[State, ...] = get_args(Stop)
_AT_WORK: tuple[State, ...] = (*_ANY_STOP, "LOADED", "PARTIAL")

TRANSITIONS: dict[State, tuple[State, ...]] = {
    "RECEIVED": (*_ANY_STOP, "LOADING"),
    "LOADING": (*_AT_WORK, "PLANNED"),
    "PLANNED": (*_AT_WORK, "LOADING"),
    "BLOCKED": (*_AT_WORK, "LOADING"),
    "WAITING_RESTORE": (*_AT_WORK, "LOADING"),
    "PAUSED": (*_AT_WORK, "LOADING"),
    "LOADED": (),
    "PARTIAL": ("PLANNED",),
    "FAILED": ("PLANNED",),
    "SUPERSEDED": (),
    "MISSING": (),
    "SKIPPED": (),
}
"""A stopped generation is LOADED or PARTIAL where those who were at work when it was stopped finished all of it. What FAILED or is PARTIAL
is opened again only when somebody asks for it (``reopen``)."""


def before(state: State) -> tuple[State, ...]:
    """The states that ``state`` may follow."""
    return tuple(earlier for earlier in STATES if state in TRANSITIONS[earlier])
