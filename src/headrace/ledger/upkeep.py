"""What the sweeper asks of the ledger: which versions it knows, which chunks nobody works on, and how far the last run came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import NamedTuple

from headrace.ledger.entries import Chunk, Generation, Head, chunk_key, expiry, head_key, meta_key, parsed
from headrace.ledger.identity import generation_id
from headrace.ledger.leases import MARGIN_S
from headrace.ledger.store import ConditionFailed, Is, Item, LedgerStore, Put, Update
from headrace.ports import ObjectRef

KEYS_A_TIME = 100
_PLACE = ("sweep", "place")


@dataclass(frozen=True)
class Place:
    """Where a pass over the bucket is: after key ``after`` below ``prefix``. Times in whole seconds since the epoch, by S3's clock.

    The pass began at ``started_at`` and looks at objects changed after ``since``; the last pass that looked at all (``since`` 0) began
    at ``all_since``. ``is_over`` says that it reached the end of the bucket.
    """

    prefix: str
    after: str
    started_at: int
    since: int
    all_since: int
    is_over: bool = False


class Waiting(NamedTuple):
    """A chunk that is not done, and for how long nobody has had it."""

    chunk: Chunk
    idle_s: float


class Upkeep:
    """Raises what the store raises."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    def now(self) -> float:
        """Seconds since the epoch by the ledger's clock."""
        return self._store.now()

    def heads(self, bucket: str, keys: Sequence[str]) -> dict[str, Head]:
        """The heads of the objects that the ledger knows."""
        found: dict[str, Head] = {}
        for at in range(0, len(keys), KEYS_A_TIME):
            by_head = {head_key(bucket, key): key for key in keys[at : at + KEYS_A_TIME]}
            items = self._store.get(list(by_head))
            found |= {by_head[place]: parsed(Head, item) for place, item in items.items()}
        return found

    def is_known(self, ref: ObjectRef) -> bool:
        """Whether this very version was ever received, also where it is not the one that counts."""
        key = meta_key(generation_id(ref))
        return key in self._store.get([key])

    def first_waiting(self, generations: Sequence[Generation]) -> Iterator[tuple[Generation, Waiting]]:
        """The first chunks, where they are not done, of at most 100 generations."""
        items = self._store.get([chunk_key(each.id, 0) for each in generations])
        now = self._store.now()
        for each in generations:
            item = items.get(chunk_key(each.id, 0))
            if item and item["state"] != "DONE":
                yield each, _waiting(item, now)

    def waiting(self, generation: Generation) -> Iterator[Waiting]:
        """All chunks of a generation that are not done, page by page."""
        items: Iterable[Item] = islice(self._store.query(meta_key(generation.id)[0], "c#"), generation.chunks)
        return (_waiting(item, self._store.now()) for item in items if item["state"] != "DONE")

    def touch(self, generation: Generation, chunk: Chunk) -> None:
        """Begin the count of ``idle_s`` anew, unless somebody has changed the chunk."""
        at = chunk_key(generation.id, chunk.number)
        try:
            self._store.transact([Update(at, set={"expires_at": expiry(self._store.now())}, conditions=[Is("changes", chunk.changes)])])
        except ConditionFailed:
            return

    def place(self) -> Place | None:
        """Where the last run stopped."""
        item = self._store.get([_PLACE]).get(_PLACE)
        return Place(**{name: value for name, value in item.items() if name not in ("pk", "sk")}) if item else None

    def keep_place(self, place: Place) -> None:
        """Remember it for the next run."""
        self._store.transact([Put({"pk": _PLACE[0], "sk": _PLACE[1]} | asdict(place))])


def _waiting(item: Item, now: float) -> Waiting:
    """Every write of a chunk moves its expiry on, so that tells when it was."""
    chunk = parsed(Chunk, item)
    written_at = item["expires_at"] - expiry(0)
    return Waiting(chunk, now - max(written_at, chunk.leased_until + MARGIN_S if chunk.leased_until else 0))
