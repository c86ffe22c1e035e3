"""headrace's writer alone: items in, report out. ``headrace.write`` shows it to the outside; docs/write.md is its page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Literal, Self

from headrace.account.outcome import Counts
from headrace.config.model import SINGLE_MODES, KeyType
from headrace.encode import single
from headrace.encode.compile import Encode
from headrace.encode.item import PYTHON_TYPES, delete_encoder, put_encoder, require_only
from headrace.errors import HeadraceError, RecordError
from headrace.ports import Clock, ItemStore, SystemClock
from headrace.record import Block
from headrace.write.batch import BLOCK, Entry
from headrace.write.writer import Writer

NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}|arn:[A-Za-z0-9_.:/-]{1,1020}").fullmatch
REJECTIONS_KEPT_MAX = 1000
"""Rejected items that a report holds; those after them are only counted."""

Mode = Literal["put", "insert_only", "update", "newer_wins"]
Item = Mapping[str, Any]


@dataclass(frozen=True)
class RejectedItem:
    """An item, or the key of a delete, that was not written, and why. ``attribute`` is empty where the reason lies in none alone."""

    code: str
    message: str
    attribute: str
    item: Item


@dataclass(frozen=True)
class Report:
    """What became of the items given: ``given = written + superseded + rejected + unknown``.

    ``superseded`` ones were followed by another of their key or, ``existed`` of them, kept out by what is in the table. ``unknown``
    ones are not known to be in the table: the write did not end well. ``write_units`` are those that the table said it consumed;
    ``throttles`` are calls that it throttled, by what limits.
    """

    given: int
    written: int
    superseded: int
    existed: int
    rejected: int
    unknown: int
    calls: int
    unprocessed: int
    write_units: float
    throttles: dict[str, int]
    rejections: tuple[RejectedItem, ...]
    """The first 1,000, or none where a function takes them."""


class ItemsRejected(HeadraceError):
    """Some items were not written; all others were. ``report`` names them."""

    def __init__(self, table: str, report: Report) -> None:
        first = report.rejections[0]
        message = f"{report.rejected} of {report.given} items given to table {table} were rejected; the first: {first.message}"
        super().__init__("ITEMS_REJECTED", message, hint="see report.rejections, or take them with on_rejected=")
        self.report = report


class _Given(Block):
    """Stands where a file's record has its block: the item to be given back if the table refuses it."""

    __slots__ = ("item",)

    def __init__(self, item: Item) -> None:
        super().__init__(b"", 1, 0)
        self.item = item


class TableWriter:
    """Takes items within a ``with`` block, and has written them all when the block is left. Made by ``table_writer``; for one thread.

    ``put`` and ``delete`` may block while the table is slow. They raise nothing because of an item: one that cannot be written is
    rejected, and its neighbours are written. If anything was rejected, the block ends with ItemsRejected, unless ``on_rejected``
    takes the rejected items. An exception inside the block passes on after everything that was given before it is written, but for
    KeyboardInterrupt, which leaves at once. Where the table itself fails (Denied, Deadline after two minutes of throttling,
    ServiceError), ``put``, ``delete`` or the end of the block raise that; ``report`` then says how many items are unknown.
    """

    def __init__(
        self,
        store: ItemStore,
        name: str,
        key: Mapping[str, KeyType],
        *,
        clock: Clock,
        mode: Mode = "put",
        newer_by: str = "",
        units_per_s: float | None = None,
        on_rejected: Callable[[RejectedItem], None] | None = None,
    ) -> None:
        """``store`` is closed with the block."""
        if not NAME(name):
            raise ValueError(f"found the table name {name!r}, expected 3 to 255 letters, digits, `_`, `-` and `.`, or an ARN")
        self._store = store
        self._name = name
        self._put, self._delete = _encoders(key, mode, newer_by)
        self._on_rejected = on_rejected
        self._counts = Counts()
        self._rejections: list[RejectedItem] = []
        self._is_open = False
        self._failure: BaseException | None = None
        deadline, is_single = math.inf, mode in SINGLE_MODES
        self._writer = Writer(
            store, name, key, counts=self._counts, clock=clock, deadline=deadline, reject=self._refused, units_per_s=units_per_s, is_single=is_single
        )

    @property
    def report(self) -> Report:
        """The state of affairs; final when the block is left."""
        counts = {name: value for name, value in asdict(self._counts).items() if name in Report.__dataclass_fields__}
        unknown = self._counts.read - self._counts.accounted
        return Report(given=self._counts.read, unknown=unknown, rejections=tuple(self._rejections), **counts)

    def put(self, item: Item) -> None:
        """Write ``item`` as the mode says. It is read at once, so that it may be changed afterwards."""
        self._add(self._put, item)

    def delete(self, key: Item) -> None:
        """Delete the item with this key; what is not there is no error. With ``newer_wins`` the version has to be given too."""
        self._add(self._delete, key)

    def _add(self, encode: Encode, item: Item) -> None:
        if not self._is_open:
            raise HeadraceError("WRITER_CLOSED", "an item was given outside of the with block", hint="write `with table_writer(…) as table:`, and put inside")
        if self._failure:
            raise self._failure
        self._counts.read += 1
        try:
            identity, request = encode(item)
        except RecordError as error:
            self._reject(error, item)
            return
        number = self._counts.read
        try:
            self._writer.write([(identity, request, _Given(dict(item)), number, number)])
        except BaseException as failure:  # nothing is known any more about what is under way
            self._failure = failure
            raise

    def __enter__(self) -> Self:
        self._is_open = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._is_open = False
        try:
            if not self._failure and not isinstance(error, KeyboardInterrupt):
                self._writer.finish()
        except HeadraceError as failure:
            if error is None:
                raise
            error.add_note(f"table {self._name}: {self.report.unknown} items given before that are not known to be written: {failure}")
        finally:
            self._writer.close()
            self._store.close()
        if error is None and self._failure:
            raise self._failure
        if error is None and self._rejections:
            raise ItemsRejected(self._name, self.report)

    def _refused(self, entry: Entry, error: RecordError) -> None:
        assert isinstance(entry[BLOCK], _Given)
        self._reject(error, entry[BLOCK].item)

    def _reject(self, error: RecordError, item: Item) -> None:
        self._counts.rejected += 1
        rejected = RejectedItem(error.code, error.message, error.column, item)
        if self._on_rejected:
            self._on_rejected(rejected)
        elif len(self._rejections) < REJECTIONS_KEPT_MAX:
            self._rejections.append(rejected)


def table_writer(
    name: str,
    *,
    key: Mapping[str, KeyType] | None = None,
    mode: Mode = "put",
    newer_by: str = "",
    region: str | None = None,
    endpoint_url: str | None = None,
    max_write_units_per_s: float | None = None,
    on_rejected: Callable[[RejectedItem], None] | None = None,
) -> TableWriter:
    """A TableWriter for the table ``name``, with the credentials and the region that the AWS SDK finds.

    ``key`` names the key attributes and their types, the partition key first; without it the table is asked (dynamodb:DescribeTable).
    ``mode`` and ``newer_by`` are those of a route (docs/config.md). Raises ServiceError TABLE_MISSING, REGION_MISSING, CREDENTIALS_MISSING, Denied.
    """
    from headrace.aws.session import Aws  # noqa: PLC0415 - botocore takes 0.1 s to import
    from headrace.aws.table_key import table_key  # noqa: PLC0415

    aws, clock = Aws(endpoint_url=endpoint_url, region=region), SystemClock()
    key = key or table_key(aws, name, hint="correct the name or the region, or create the table")
    store = aws.table(name, clock, burst=1)  # nobody knows when the next item comes
    return TableWriter(store, name, key, clock=clock, mode=mode, newer_by=newer_by, units_per_s=max_write_units_per_s, on_rejected=on_rejected)


def _encoders(key: Mapping[str, KeyType], mode: Mode, newer_by: str) -> tuple[Encode, Encode]:
    """Of items to put, and of keys to delete. Raises ValueError for a key or a mode that there cannot be, or without what it needs."""
    if not 1 <= len(key) <= 2 or not set(key.values()) <= PYTHON_TYPES.keys():
        raise ValueError(f"found key={dict(key)!r}, expected one or two attributes with their types: string, number or binary")
    put, delete = put_encoder(key), delete_encoder(key)
    if bool(newer_by) != (mode == "newer_wins") or newer_by in key:
        raise ValueError(f"found newer_by={newer_by!r} with mode={mode!r}, expected an attribute that is no key with newer_wins, and none otherwise")
    match mode:
        case "put":
            return put, delete
        case "insert_only":
            return single.insert_only(put, key), single.delete(delete)
        case "update":
            return single.update(put, key), single.delete(delete)
        case "newer_wins":
            return single.newer_wins(put, key, newer_by), single.newer_wins(_versioned(put, {*key, newer_by}), key, newer_by, is_delete=True)
    raise ValueError(f"found mode={mode!r}, expected put, insert_only, update or newer_wins")


def _versioned(put: Encode, names: set[str]) -> Encode:
    """Of a key with its version, and nothing else."""

    def encode(item: Any) -> tuple[str, str]:
        encoded = put(item)
        require_only(item, dict.fromkeys(names))
        return encoded

    return encode
