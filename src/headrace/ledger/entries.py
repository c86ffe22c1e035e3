"""The items of the ledger: how they are keyed, and what they hold.

    o#bucket/key   head                  which generation of the object counts
    o#bucket/key   g#<received>#<id>     pointer to each generation, for the object's history
    g#<id>         meta                  the generation; listed as ``open#7``, or as ``ended#<day>#3``
    g#<id>         c#00000012            a chunk of it

A key holds at most 2,048 bytes, so any object's fits (S3 keys: 1,024 bytes of UTF-8; DynamoDB developer guide, Constraints, 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from headrace.ledger.identity import Sequencer
from headrace.ledger.states import FINAL, State
from headrace.ledger.store import Item, Key
from headrace.ports import ObjectRef

FoundBy = Literal["event", "sweep", "replay"]
Counts = Mapping[str, float]
"""Whatever is counted, by name; whole numbers stay whole."""

COUNT = "n_"
"""Before the names of counts: ADD works on top-level attributes only (DynamoDB developer guide, Expressions.UpdateExpressions, 2026-11)."""

Work = Literal["load", "scan", "plan", "settle"]
"""What is to be done with a chunk: load its records; look where records begin in it; plan the chunks that follow from all scans; settle
which record of a key wins."""

HISTORY_DAYS = 400


@dataclass(frozen=True)
class Head:
    """The version of an object that counts."""

    generation: str
    sequencer: int | None = None
    sequencer_digits: int = 0
    etag: str | None = None
    version_id: str | None = None
    size: int | None = None

    @property
    def position(self) -> Sequencer | None:
        return None if self.sequencer is None else Sequencer(self.sequencer, self.sequencer_digits)


@dataclass(frozen=True)
class Generation:
    """One version of one object on its way into one table. Times are ISO 8601 in UTC, ``leased_until`` is in seconds since the epoch."""

    id: str
    state: State
    bucket: str
    key: str
    route: str
    table: str
    config_hash: str
    found_by: FoundBy
    received_at: str
    version_id: str | None = None
    etag: str | None = None
    size: int | None = None
    sequencer: str | None = None
    ended_at: str | None = None
    after: str | None = None
    """The generation whose leases must end before this one may begin; it is the only one that can still have any."""
    chunks: int = 1
    chunks_done: int = 0
    scans: int = 0
    """The chunks that are scanned; the one after them plans those that are loaded."""
    leases: int = 0
    """Leases given and not given back: of workers alive, and of workers that died."""
    leased_until: int = 0
    """No lease ends later."""
    bytes: int = 0
    duplicates: int = 0
    reopened: int = 0
    """How often it went on after it had ended as FAILED or PARTIAL."""
    is_partial: bool = False
    code: str | None = None
    message: str | None = None
    hint: str | None = None
    replay_of: str | None = None
    """The generation whose records are loaded again here, for the ``replay_number``-th time."""
    replay_number: int = 0
    records: Literal["all", "rejected"] = "all"
    """Which records of the object, or of ``replay_of``, this is about."""
    counts: Counts = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def ref(self) -> ObjectRef:
        """The object version as it was named at first."""
        return ObjectRef(self.bucket, self.key, self.version_id, self.etag, self.size, self.sequencer)


@dataclass(frozen=True)
class Span:
    """A part of an object, cut at record boundaries: bytes ``start`` to before ``end`` (None: the object's end); ``first_line`` is 1-based.

    What is to be scanned is cut anywhere; ``chunk_bytes`` is then how large the chunks are to be that the object is cut into.
    Of a compressed object the bytes are those of what is inside, and reading begins at a member, frame or stream: at byte ``member_stored``
    of the object, which is byte ``member_content`` of what is inside. Of a format whose records are rows in row groups the part ends before
    the row ``end_line`` (None: after the last).
    """

    start: int = 0
    end: int | None = None
    first_line: int = 1
    work: Work = "load"
    chunk_bytes: int | None = None
    end_line: int | None = None
    member_stored: int | None = None
    member_content: int = 0


@dataclass(frozen=True)
class Chunk:
    """A part of a generation that one worker loads at a time, its place that of a Span. ``number`` counts from 0.

    A lease is alive while ``leased_until`` (seconds since the epoch) is there and not past. ``attempt`` counts the leases since the
    last progress that nobody gave back: the holder's own, and those of who died. ``changes`` counts all writes of this item, and
    ``last_change`` tells a repeated change from another. The next worker goes on at byte ``offset``, line ``line`` (None: from the
    start); offsets of compressed objects are of what is inside. A chunk that stopped at a limit (``is_partial``) is DONE, and keeps the
    place; None there: it was read to its end. Where ``work`` is to plan, ``offset`` counts the chunks that are there, where it is to
    settle, the steps; ``notes`` is what the worker left for whoever goes on.
    """

    number: int
    state: Literal["PENDING", "DONE", "FAILED"] = "PENDING"
    start: int = 0
    end: int | None = None
    first_line: int = 1
    work: Work = "load"
    chunk_bytes: int | None = None
    end_line: int | None = None
    member_stored: int | None = None
    member_content: int = 0
    owner: str | None = None
    leased_until: int | None = None
    attempt: int = 0
    changes: int = 0
    last_change: str | None = None
    offset: int | None = None
    line: int | None = None
    notes: str | None = None
    bytes: int = 0
    is_partial: bool = False
    rejects: tuple[str, ...] = ()
    """Addresses of the rejected records, in the order of the commits."""
    counts: Counts = field(default_factory=dict)

    @property
    def is_last(self) -> bool:
        """Whether it is worked on when all chunks before it are done."""
        return self.work in ("plan", "settle")

    @classmethod
    def of(cls, number: int, span: Span) -> Chunk:
        """A chunk that nobody has worked on."""
        return cls(number, **asdict(span))


Entry = TypeVar("Entry", Head, Generation, Chunk)


def head_key(bucket: str, key: str) -> Key:
    return f"o#{bucket}/{key}", "head"


def pointer_key(generation: Generation) -> Key:
    return f"o#{generation.bucket}/{generation.key}", f"g#{generation.received_at}#{generation.id}"


def meta_key(generation_id: str) -> Key:
    return f"g#{generation_id}", "meta"


def chunk_key(generation_id: str, number: int) -> Key:
    return f"g#{generation_id}", f"c#{number:08d}"


def parsed(kind: type[Entry], item: Item) -> Entry:
    """The entry that ``item`` holds; attributes of the table's own are left out."""
    known: dict[str, Any] = {each.name: item[each.name] for each in fields(kind) if each.name in item}
    if "rejects" in known:
        known["rejects"] = tuple(known["rejects"])
    if counts := {name.removeprefix(COUNT): value for name, value in item.items() if name.startswith(COUNT)}:
        known["counts"] = counts
    return kind(**known)


def item_of(entry: Head | Generation | Chunk, key: Key, **more: Any) -> dict[str, Any]:
    """``entry`` as an item with ``key`` and the attributes of the table's own."""
    values = {each.name: getattr(entry, each.name) for each in fields(entry)}
    counts = {COUNT + name: value for name, value in values.pop("counts", {}).items()}
    if "rejects" in values:
        values["rejects"] = list(values["rejects"])
    return {"pk": key[0], "sk": key[1]} | values | counts | more


def iso(seconds: float) -> str:
    """Seconds since the epoch as ``2026-11-22T15:00:00Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def expiry(now: float) -> int:
    """When an item that nobody changes any more is deleted: 400 days from now, in whole seconds, as TTL takes them."""
    return int(now) + HISTORY_DAYS * 86_400
