"""What must hold of every content, whatever route reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO, TypeVar

from contracts.virtual_clock import VirtualClock
from decode.samples import Seen
from headrace.config.model import Limits, Route
from headrace.errors import ObjectError
from headrace.formats import RANGED_FORMATS
from headrace.ledger.entries import Span
from headrace.load import Ports
from headrace.validation import validate_object
from split.cases import REF, Case, any_chunk_size

HEAD = 20
T = TypeVar("T")


class Input:
    """Bytes that a fuzzer chose: each of the first HEAD makes one choice, the rest are the content."""

    def __init__(self, data: bytes) -> None:
        self._head = iter(data[:HEAD])
        self.content = data[HEAD:]

    def number(self, below: int) -> int:
        return next(self._head, 0) % below

    def one_of(self, values: Sequence[T]) -> T:
        return values[self.number(len(values))]


def require_exact(given: Input, content: bytes, route: Route, *, is_plain: bool = False) -> None:
    """``content`` ends in records, rejections and at most one ObjectError with a code, and does so however it is read.

    In whole and in small pieces, stopped after any record and gone on there, cut into chunks where it can be cut: all give the records,
    lines, offsets and bytes of a read from the beginning. Where it ``is_plain``, bytes and offsets are those of the content.
    Loading it, with the encoder but no table, ends in an outcome whose counts balance.
    """
    limits = Limits(
        decompressed_bytes_max=500_000,
        reader_bytes_max=1 << 26,
        record_bytes_max=given.one_of((2_000, 8, 30)),
        field_bytes_max=500,
        columns_max=50,
        name_bytes_max=100,
        nesting_max=given.one_of((32, 3)),
    )
    case = Case(content, route, chunk_bytes=1 + given.number(60), limits=limits)
    resumed = 1 + given.number(4)
    whole = case.records()
    if is_plain:
        for seen in whole:
            assert content[seen.offset :].startswith(seen.raw), f"the bytes are not where {seen} is said to be"
            assert not isinstance(seen.what, str) or len(seen.raw) <= 4 * (limits.record_bytes_max + 2), f"more is kept of {seen} than a record may have"
    if route.format not in RANGED_FORMATS:
        case.objects.largest = given.one_of((1 << 20, 1, 7))
        _require_same(case.records(), whole, f"in pieces of {case.objects.largest} bytes")
    _require_same(case.chunked([Span(0, None, 1)], resumed), whole, f"and gone on after {resumed} records")
    with any_chunk_size():
        _require_chunks(case, resumed)
    outcome = validate_object(REF, route, case.config, Ports(case.objects, _no_table, _Nowhere(), VirtualClock(0.0)))
    assert outcome.state in ("LOADED", "FAILED") and bool(outcome.error) == (outcome.state == "FAILED"), outcome


def _require_chunks(case: Case, resumed: int) -> None:
    try:
        spans = case.spans()
    except ObjectError as error:
        whole = case.records()
        read = str(whole[-1].what)
        assert _damage(error.code) == _damage(read), f"cutting fails with {error.code}, reading with {read}"
        return
    if isinstance(spans, list):
        whole = case.records()
        for how, found in (("", case.chunked(spans)), (f", each gone on after {resumed} records", case.chunked(spans, resumed))):
            if case.route.format in RANGED_FORMATS and isinstance(whole[-1].what, str) and not whole[-1].first:
                found = found[: len(whole)]  # row groups after a damaged one are read as well
            _require_same(found, whole, f"in {len(spans)} chunks{how}")


def _damage(code: str) -> str:
    """``code``, the same for damaged and for cut content: which it is depends on where one looks first, at the marks of blocks or into them."""
    return code.replace("_CUT", "_DAMAGED")


def _require_same(found: list[Seen], whole: list[Seen], how: str) -> None:
    if found != whole:
        index = next((index for index, (one, other) in enumerate(zip(found, whole, strict=False)) if one != other), min(len(found), len(whole)))
        raise AssertionError(f"read {how}, record {index} is {found[index : index + 1]}, expected {whole[index : index + 1]}")


def _no_table(name: str) -> Any:
    raise AssertionError("nothing is written")


class _Nowhere:
    """A RejectSink that keeps nothing."""

    def store(self, name: str, content: BinaryIO) -> str:
        return name
