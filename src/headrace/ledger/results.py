"""What is asked of the ledger and what it answers. Whatever may be expected to happen is an answer, not an error."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.ledger.entries import Chunk, Counts, FoundBy, Generation
from headrace.ledger.states import State, Stop
from headrace.ports import Replay


@dataclass(frozen=True)
class Job:
    """How an object is to be loaded. It is kept when the generation is first seen; later events do not change it."""

    route: str
    table: str
    config_hash: str
    found_by: FoundBy = "event"
    replay: Replay | None = None


@dataclass(frozen=True)
class Lease:
    """Who asks for a lease, and for how long: until the caller is surely dead. ``owner`` is for people; it gives no right to anything."""

    owner: str
    seconds: float


@dataclass(frozen=True)
class Answer:
    """What S3 said after an Ambiguous: whether the version asked about is the current one. ``head`` is from that Ambiguous.

    Only S3's word given after ``head`` was seen counts, so it is void once the head has moved on.
    """

    head: str
    is_current: bool


@dataclass(frozen=True)
class Progress:
    """What was reached since the lease was given or last committed: records counted, bytes read of the object as stored, the rejected records' address.

    ``offset`` and ``line`` are where to go on; without them, or where it ``is_partial``, the chunk is done. ``notes`` replace those of the
    chunk.
    """

    counts: Counts
    bytes: int = 0
    rejects: str | None = None
    is_partial: bool = False
    """Whether the route's limit of rejected records was passed."""
    offset: int | None = None
    line: int | None = None
    notes: str | None = None

    @property
    def is_done(self) -> bool:
        return self.is_partial or self.offset is None


@dataclass(frozen=True)
class Ending:
    """How a generation ends or stops, and why."""

    state: Stop
    code: str = ""
    message: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Claim:
    """The lease of ``chunk`` was given: whoever holds this may load it. Each change gives a new one; the old one is void."""

    generation: Generation
    chunk: Chunk


@dataclass(frozen=True)
class Busy:
    """Nothing may begin for ``seconds``, and perhaps longer: somebody is at work on this chunk or on an older version."""

    seconds: int


@dataclass(frozen=True)
class Early:
    """This chunk is worked on when all before it are done: whoever does the last of them is given its lease."""


@dataclass(frozen=True)
class Duplicate:
    """Everything this event asks for is done or under way. ``state`` None: it ended so long ago that its history is deleted."""

    generation: str
    state: State | None


@dataclass(frozen=True)
class Superseded:
    """A newer version counts: stop, and write no more."""

    generation: str


@dataclass(frozen=True)
class Ambiguous:
    """Only S3 can tell which version is newer: ask it whether this one is current, then begin again with an Answer about ``head``."""

    head: str


@dataclass(frozen=True)
class Ended:
    """Nothing is left to do: the generation ended in ``state``, or is open and this chunk of it is done, or only its replay may go on with it."""

    generation: str
    state: State


@dataclass(frozen=True)
class Unknown:
    """There is no such generation or chunk: whatever named it does not come from here."""


@dataclass(frozen=True)
class LeaseLost:
    """Nothing was changed: the lease was given back, or it ended and somebody else has the chunk."""


@dataclass(frozen=True)
class Committed:
    """It is in the ledger, once. ``claim`` is the lease as it is now, or None where it was given back or the chunk is done.

    ``state`` is the generation's, where it did not end with this commit as far as it was known before. ``is_awaited``: what waited
    for this chunk can be begun; the same claim, asked for again, gives its lease.
    """

    claim: Claim | None
    state: State
    is_awaited: bool = False


Begun = Claim | Busy | Early | Duplicate | Superseded | Ambiguous | Ended | Unknown
Claimed = Claim | Busy | Early | Superseded | Ended | Unknown
Refused = Superseded | Ended | LeaseLost
