"""The one path of a record: read → decode → transform → encode → write → account. Function, command line and tests all call ``load_object``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from headrace.account.outcome import Counts, Outcome
from headrace.account.rejects import RejectsFile, reject_name
from headrace.config.model import Config, Limits, Route
from headrace.decode.csv import CsvDecoder
from headrace.decode.jsonl import JsonLinesDecoder
from headrace.decode.lines import line_blocks
from headrace.encode.compile import Encode, compile_fields, compile_members
from headrace.encode.header import require_distinct
from headrace.errors import HeadraceError, ObjectError, RecordError, ServiceError
from headrace.ports import Clock, ItemStore, ObjectRef, ObjectStore, RejectSink
from headrace.read.decompress import decompress
from headrace.read.stream import ObjectStream
from headrace.record import Origin, Rejection
from headrace.transform.hook import Transform, load_transform
from headrace.write.batch import Entry
from headrace.write.writer import Writer

PROGRESS_EVERY = 1_000  # records

Decoder = CsvDecoder | JsonLinesDecoder
Progress = Callable[[Counts, int, int], None]
"""Told the counts, the bytes read and the object's size every 1,000 records; must be quick and must not raise."""


class Sink(Protocol):
    """Where encoded requests go: a table's Writer, or a preview."""

    def add(self, entry: Entry) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


OpenSink = Callable[[Counts, Callable[[Entry, RecordError], None]], Sink]


@dataclass(frozen=True)
class Ports:
    """The outside world of a load."""

    objects: ObjectStore
    table: Callable[[str], ItemStore]
    rejects: RejectSink
    clock: Clock


def load_object(
    ref: ObjectRef,
    route: Route,
    config: Config,
    ports: Ports,
    *,
    deadline: float = math.inf,
    progress: Progress | None = None,
    open_sink: OpenSink | None = None,
    limit: int | None = None,
) -> Outcome:
    """Load one object by ``route`` and say what happened; failures of the object or of AWS are in the Outcome, never raised.

    ``deadline`` is on the clock's monotonic scale. ``open_sink`` replaces the table (for a preview), ``limit`` ends after so many records.
    A defect of headrace itself is raised as what it is.
    """
    started = ports.clock.monotonic()
    counts = Counts()
    rejects = RejectsFile()
    stream = ObjectStream(ports.objects, ref, ports.clock, object_bytes_max=config.limits.object_bytes_max, deadline=deadline)
    address, failure = "", None
    try:
        try:
            load = _Load(route, config, counts=counts, rejects=rejects, object=str(ref), progress=progress)
            load.run(stream, open_sink or _table_writer(route, config, ports, deadline), limit)
            counts.require_balance()
        except HeadraceError as error:
            failure = error
        try:
            address = rejects.store(ports.rejects, reject_name(route.name, stream.ref))
        except HeadraceError as error:
            failure = failure or error
    finally:
        rejects.close()
    seconds = ports.clock.monotonic() - started
    return _outcome(route, config, stream=stream, counts=counts, failure=failure, address=address, seconds=seconds)


def open_records(route: Route, limits: Limits, pieces: Iterator[bytes]) -> Decoder:
    """The decoder of an object's bytes in the format that ``route`` names."""
    content = decompress(pieces, decompressed_bytes_max=limits.decompressed_bytes_max)
    blocks = line_blocks(content, line_bytes_max=limits.record_bytes_max, lf_only=route.format == "jsonl")
    if route.format == "jsonl":
        return JsonLinesDecoder(blocks, record_bytes_max=limits.record_bytes_max)
    delimiter = route.delimiter or ("\t" if route.format == "tsv" else ",")
    return CsvDecoder(blocks, delimiter=delimiter, record_bytes_max=limits.record_bytes_max, header=route.header)


class _Load:
    """The record loop of one object, and what it hands on."""

    def __init__(self, route: Route, config: Config, *, counts: Counts, rejects: RejectsFile, object: str, progress: Progress | None) -> None:
        self._route = route
        self._config = config
        self._counts = counts
        self._rejects = rejects
        self._object = object
        self._progress = progress

    def run(self, stream: ObjectStream, open_sink: OpenSink, limit: int | None) -> None:
        with closing(iter(stream)) as pieces:  # else a load that fails would leave the connection open
            self._run(stream, pieces, open_sink, limit)

    def _run(self, stream: ObjectStream, pieces: Iterator[bytes], open_sink: OpenSink, limit: int | None) -> None:
        decoder = open_records(self._route, self._config.limits, pieces)
        if decoder.first_rejection:
            raise ObjectError("HEADER_INVALID", f"the header line: {decoder.first_rejection.message}", hint="correct the first line of the file")
        if isinstance(decoder, CsvDecoder) and decoder.header is None:
            return  # an object without a single line is loaded: it had no record
        try:
            transform, encode = self._compiled(decoder)
        except RecordError as error:  # a column's name that no attribute can have
            raise ObjectError("HEADER_INVALID", f"the header line: {error.message}", hint="correct the first line of the file, or set `header`") from None
        sink = open_sink(self._counts, self._refused)
        try:
            self._each_record(decoder, stream, (transform, encode), sink, limit)
            sink.finish()
        finally:
            sink.close()
        if self._progress:
            self._progress(self._counts, stream.bytes_read, stream.total_bytes)

    def _each_record(
        self, decoder: Decoder, stream: ObjectStream, steps: tuple[Callable[[Any], Mapping[str, Any] | None] | None, Encode], sink: Sink, limit: int | None
    ) -> None:
        """The only loop over records."""
        transform, encode = steps
        counts = self._counts
        for row, block, first, last in itertools.islice(decoder, limit):
            counts.read += 1
            if self._progress and counts.read % PROGRESS_EVERY == 0:
                self._progress(counts, stream.bytes_read, stream.total_bytes)
            try:
                if type(row) is Rejection:
                    self._reject(row)
                    continue
                record = row if transform is None else transform(row)
                if record is None:
                    counts.filtered += 1
                    continue
                identity, request = encode(record)
            except RecordError as error:
                self._reject(Rejection.of(error, Origin(block, first, last)))
                continue
            sink.add(Entry(identity, request, block, first, last))

    def _compiled(self, decoder: Decoder) -> tuple[Callable[[Any], Mapping[str, Any] | None] | None, Encode]:
        """The route's transform, if it has one, and its encoder."""
        table = self._config.tables[self._route.table]
        transform = load_transform(self._route.transform, self._route.name) if self._route.transform else None
        if decoder.header is None:
            return transform, compile_members(self._route, table)
        if transform is None:
            return None, compile_fields(self._route, table, decoder.header)
        require_distinct(decoder.header)
        return _by_name(transform, decoder.header), compile_members(self._route, table)

    def _refused(self, entry: Entry, error: RecordError) -> None:
        self._reject(Rejection.of(error, Origin(entry.block, entry.first, entry.last)))

    def _reject(self, rejection: Rejection) -> None:
        self._counts.rejected += 1
        self._rejects.add(rejection, object=self._object, route=self._route.name)
        allowed = self._route.on_error.max_rejects
        if allowed is not None and self._counts.rejected > allowed:
            column = f" in column {rejection.column}" if rejection.column else ""  # not its message, which has a value: this goes to the log
            raise ObjectError(
                "TOO_MANY_REJECTS",
                f"{self._counts.rejected} records rejected, expected at most {allowed}; the last at line {rejection.line}{column}: {rejection.code}",
                hint="correct the file or the route; on_error.max_rejects is the limit",
            )


def _by_name(transform: Transform, header: list[str]) -> Callable[[list[str]], Mapping[str, Any] | None]:
    """``transform`` for rows of a CSV."""

    def named(row: list[str]) -> Mapping[str, Any] | None:
        if len(row) != len(header):
            raise RecordError("FIELD_COUNT", found=f"{len(row)} fields", expected=f"{len(header)}, as in the header")
        return transform(dict(zip(header, row, strict=True)))

    return named


def _table_writer(route: Route, config: Config, ports: Ports, deadline: float) -> OpenSink:
    table = config.tables[route.table]

    def open_writer(counts: Counts, refused: Callable[[Entry, RecordError], None]) -> Sink:
        name = config.table_name(route.table)
        return Writer(ports.table(name), name, table.key, counts=counts, clock=ports.clock, deadline=deadline, reject=refused)

    return open_writer


def _outcome(route: Route, config: Config, *, stream: ObjectStream, counts: Counts, failure: HeadraceError | None, address: str, seconds: float) -> Outcome:
    return Outcome(
        object=str(stream.ref),
        route=route.name,
        table=config.table_name(route.table),
        state="FAILED" if failure else "LOADED",
        **asdict(counts),
        unknown=counts.read - counts.accounted,
        bytes=stream.bytes_read,
        seconds=round(seconds, 3),
        rejects=address,
        error=failure.code if failure else "",
        message=failure.message if failure else "",
        hint=failure.hint if failure else "",
        retryable=isinstance(failure, ServiceError),
    )
