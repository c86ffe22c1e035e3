"""The one path of a record: read → decode → transform → encode → write → account. Function, command line and tests all call ``load_object``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from headrace.account.outcome import Counts, Outcome, State
from headrace.account.reject_limits import RejectLimits
from headrace.account.rejects import RejectsFile, reject_name
from headrace.config.model import SINGLE_MODES, Config, Route
from headrace.decode.jsonl import JsonLinesDecoder
from headrace.encode.compile import Encode
from headrace.encode.header import require_distinct
from headrace.encode.mode import compile_fields, compile_json, compile_members
from headrace.errors import Deadline, HeadraceError, ObjectError, RecordError, ServiceError
from headrace.formats import Decoder
from headrace.ports import Clock, ItemStore, ObjectRef, ObjectStore, RejectSink
from headrace.record import Origin, Rejection, Start
from headrace.records import Opened, Part
from headrace.transform.hook import for_rows, load_transform
from headrace.write.batch import BLOCK, Entry
from headrace.write.writer import Writer

GROUP_RECORDS = 100
"""After so many the time is looked at, and progress told."""
SNAPSHOT_S = 5.0
"""A part is made safe so often: what was read is waited for until it is written. It costs one round trip."""
FIRST_RECORDS = 25
"""A part is made safe first after so many, which are one BatchWriteItem: however little time there is, a batch that can be written counts."""
SLOW_S = 1.0
"""Where writing out took longer than this, a part is made safe batch by batch: what is under way when time is over would be lost."""
STOP_S_MAX = 20.0
"""Reading a part stops a fifth of the time before the deadline, at most so long: for what is under way to be written."""

Progress = Callable[[Counts, int, int], None]
"""Told the counts, the bytes read and the object's size every 100 records; must be quick and must not raise."""
Encoders = tuple[Callable[[Any], Mapping[str, Any] | None] | None, Encode]
"""The route's transform, if it has one, and its encoder."""


class Sink(Protocol):
    """Where encoded requests go: a table's Writer, or a preview."""

    def write(self, entries: Sequence[Entry]) -> None: ...

    def finish(self) -> None:
        """Return when everything that was given is written, rejected or superseded; more may be given after that."""
        ...

    def close(self) -> None: ...


OpenSink = Callable[[Counts, Callable[[Entry, RecordError], None]], Sink]


@dataclass(frozen=True)
class Ports:
    """The outside world of a load."""

    objects: ObjectStore
    table: Callable[[str], ItemStore]
    rejects: RejectSink
    clock: Clock
    share: float = 1.0
    """Of the tables' budgets, for each load: others may run at the same time."""


def load_object(
    ref: ObjectRef,
    route: Route,
    config: Config,
    ports: Ports,
    *,
    part: Part | None = None,
    deadline: float = math.inf,
    stop_at: float = math.inf,
    progress: Progress | None = None,
    open_sink: OpenSink | None = None,
    limit: int | None = None,
    rejects_name: str = "",
) -> Outcome:
    """Load one object, or a part of it, by ``route`` and say what happened; failures of the object or of AWS are in the Outcome, never raised.

    ``deadline`` and ``stop_at``, after which no more is read of a ``part``, are on the clock's monotonic scale. Of a part the Outcome
    tells what is safe when it could not be ended: its counts are those of the records before ``go_on``, and so are the rejected records
    kept, under ``rejects_name``. ``open_sink`` replaces the table (for a preview), ``limit`` ends after so many records. A defect of
    headrace itself is raised as what it is.
    """
    started = ports.clock.monotonic()
    reading_ends = deadline - min((deadline - started) / 5, STOP_S_MAX)
    opened = Opened(ports.objects, ref, ports.clock, limits=config.limits, deadline=reading_ends if part else deadline)
    load = _Load(opened, route, config, part=part, progress=progress)
    load.stop_at = min(stop_at, reading_ends)
    address, failure = "", None
    try:
        try:
            load.run(open_sink or table_writer(route, config, ports, deadline), ports.clock, limit)
            load.counts.require_balance()
        except HeadraceError as error:
            failure = error
            if part:
                load.forget_unsafe()
        try:
            address = load.rejects.store(ports.rejects, rejects_name or reject_name(route.name, opened.ref))
        except HeadraceError as error:
            failure = failure or error
            if part:
                load.go_on, load.counts = part.start or Start(0, 1), Counts()  # what was rejected is not kept: nothing is safe
    finally:
        load.rejects.close()
        opened.close()
    return _outcome(load, opened, failure=failure, address=address, seconds=ports.clock.monotonic() - started)


class _Load:
    """The record loop of one object, or of a part of one, and what it hands on."""

    def __init__(self, opened: Opened, route: Route, config: Config, *, part: Part | None, progress: Progress | None) -> None:
        self.route = route
        self.config = config
        self.counts = Counts()
        self.rejects = RejectsFile()
        self.go_on = part.start or Start(0, 1) if part else None  # None: everything was read
        self.stop_at = math.inf
        self.stopped_by: ObjectError | None = None
        self._last: Rejection | None = None
        self._reached: Origin | None = None  # the last record of the last group, also where reading ended within it
        self._safe = (self.go_on, Counts(), self.rejects.mark())  # as of the last time when all that was read had its end
        self._opened = opened
        self._part = part or Part()
        self._is_part = part is not None
        self._limits = RejectLimits(route.on_error, config.limits.rejects_bytes_max, read_before=self._part.read, rejected_before=self._part.rejected)
        self._progress = progress
        self._object = str(opened.ref)

    def run(self, open_sink: OpenSink, clock: Clock, limit: int | None) -> None:
        """Read, encode and write until the part ends, its time is over, or too many records are rejected: also by those who died before they said so."""
        self.stopped_by = self._limits.passed_before()
        if self.stopped_by:
            return
        decoder = self._opened.records(self.route, self._part)
        if decoder.first_rejection:
            raise ObjectError("HEADER_INVALID", f"the header line: {decoder.first_rejection.message}", hint="correct the first line of the file")
        if decoder.has_fields and decoder.header is None:
            self.go_on = None  # an object without a single line is loaded: it had no record
            return
        try:
            encoders = self._compiled(decoder)
        except RecordError as error:  # a column's name that no attribute can have
            raise ObjectError("HEADER_INVALID", f"the header line: {error.message}", hint="correct the first line of the file, or set `header`") from None
        sink = open_sink(self.counts, self._refused)
        try:
            self._each_group(itertools.islice(decoder, limit), encoders, sink, clock)
        except Deadline:
            if not (self._is_part and self._opened.is_late and self._reached):
                raise
            self._make_safe(sink, self._reached)  # there is no time to read any more, but there is to write
        finally:
            sink.close()

    def forget_unsafe(self) -> None:
        """Go back to the last time when everything that was read had its end."""
        self.go_on, self.counts, mark = self._safe
        self.rejects.cut(mark)

    def _each_group(self, records: Iterator[Any], encoders: Encoders, sink: Sink, clock: Clock) -> None:
        """Read group by group, and make safe what was read from time to time and at the end."""
        safe_at, records_max = (clock.monotonic(), FIRST_RECORDS) if self._is_part else (math.inf, GROUP_RECORDS)
        while end := self._each_record(itertools.islice(records, records_max), encoders, sink):
            self._reached = end
            if self._progress:
                self._progress(self.counts, self._opened.bytes_read, self._opened.total_bytes)
            if self.stopped_by:
                break
            if self._is_part and (now := clock.monotonic()) >= min(safe_at, self.stop_at):
                self._make_safe(sink, end)
                took_s = clock.monotonic() - now
                safe_at, records_max = now + took_s + (0.0 if took_s > SLOW_S else SNAPSHOT_S), FIRST_RECORDS if took_s > SLOW_S else GROUP_RECORDS
                if now + 2 * took_s >= self.stop_at:
                    return
        self._make_safe(sink, end)
        if self._part.is_last and not self.stopped_by:
            self.stopped_by = self._limits.passed(self.counts, self.rejects.bytes, self._last, is_end=True)
        elif self.stopped_by and self._reached and self.route.on_error.action == "abort":
            self.go_on = self._reached.end  # also where the table refused a record of the last group: FAILED there, not ended

    def _make_safe(self, sink: Sink, end: Origin | None) -> None:
        """Wait until everything that was read has its end; reading goes on after ``end``."""
        sink.finish()
        self.counts.require_balance()
        self.go_on = end.end if end else None
        self._safe = (self.go_on, copy(self.counts), self.rejects.mark())

    def _each_record(self, records: Iterator[Any], encoders: Encoders, sink: Sink) -> Origin | None:
        """The only loop over records; the origin of the last one, None if there was none."""
        transform, encode = encoders
        counts = self.counts
        block, entries = None, list[Entry]()
        try:
            for row, of_block, first, last in records:
                if of_block is not block:  # large records are not to be collected
                    block, ready, entries = of_block, entries, []
                    sink.write(ready)
                counts.read += 1
                try:
                    if type(row) is Rejection:
                        self._reject(row)
                        if self.stopped_by:
                            break
                        continue
                    record = row if transform is None else transform(row)
                    if record is None:
                        counts.filtered += 1
                        continue
                    identity, request = encode(record)
                except RecordError as error:
                    self._reject(Rejection.of(error, Origin(block, first, last)))
                    if self.stopped_by:
                        break
                    continue
                entries.append((identity, request, block, first, last))
        except HeadraceError:  # of reading: what was read before it is written
            reached, self._reached = self._reached, None  # if they are not taken, nothing after the last time is safe
            sink.write(entries)
            self._reached = Origin(block, first, last) if block else reached
            raise
        sink.write(entries)
        return Origin(block, first, last) if block else None

    def _compiled(self, decoder: Decoder) -> Encoders:
        table = self.config.tables[self.route.table]
        transform = load_transform(self.route.transform, self.route.name) if self.route.transform else None
        if isinstance(decoder, JsonLinesDecoder) and transform is None:
            decoder.with_tokens = True
            return None, compile_json(self.route, table)
        if decoder.header is None:
            return transform, compile_members(self.route, table)
        if transform is None:
            return None, compile_fields(self.route, table, decoder.header)
        require_distinct(decoder.header)
        return for_rows(transform, decoder.header), compile_members(self.route, table)

    def _refused(self, entry: Entry, error: RecordError) -> None:
        self._reject(Rejection.of(error, Origin(*entry[BLOCK:])))

    def _reject(self, rejection: Rejection) -> None:
        self.counts.rejected += 1
        self.rejects.add(rejection, object=self._object, route=self.route.name)
        self._last = rejection
        self.stopped_by = self.stopped_by or self._limits.passed(self.counts, self.rejects.bytes, rejection)


def table_writer(route: Route, config: Config, ports: Ports, deadline: float) -> OpenSink:
    """Opens the writer of the route's table."""
    table, name = config.tables[route.table], config.table_name(route.table)

    def open_writer(counts: Counts, refused: Callable[[Entry, RecordError], None]) -> Sink:
        return Writer(
            ports.table(name),
            name,
            table.key,
            counts=counts,
            clock=ports.clock,
            deadline=deadline,
            reject=refused,
            units_per_s=table.max_write_units_per_s * ports.share if table.max_write_units_per_s else None,
            is_single=route.mode in SINGLE_MODES,
        )

    return open_writer


def _outcome(load: _Load, opened: Opened, *, failure: HeadraceError | None, address: str, seconds: float) -> Outcome:
    counts = load.counts
    stopped: State = "FAILED" if load.route.on_error.action == "abort" else "PARTIAL"
    state: State = "FAILED" if failure else stopped if load.stopped_by else "INTERRUPTED" if load.go_on else "LOADED"
    failure = failure or load.stopped_by
    return Outcome(
        object=str(opened.ref),
        route=load.route.name,
        table=load.config.table_name(load.route.table),
        state=state,
        **asdict(counts),
        unknown=counts.read - counts.accounted,
        go_on=load.go_on,
        bytes=opened.bytes_read,
        seconds=round(seconds, 3),
        rejects=address,
        error=failure.code if failure else "",
        message=failure.message if failure else "",
        hint=failure.hint if failure else "",
        retryable=isinstance(failure, ServiceError),
        blocked=isinstance(failure, ServiceError) and not failure.retryable,
    )
