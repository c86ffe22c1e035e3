"""Reading that goes on after any record, also after one that is too long to keep: nothing of it is read again as a record."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.virtual_clock import VirtualClock
from decode.samples import Seen, decoded, pieces
from headrace.config.model import Limits, OnError, Route
from headrace.formats import Decoder
from headrace.load import Ports, load_object
from headrace.record import Origin, Start
from headrace.records import Opened, Part, open_records
from load.samples import REF, World
from read.memory_objects import MemoryObjects, Version
from split.samples import BEGIN, dirty, route_of, sizes

ENCODINGS = st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"])
Text = Callable[[bytes], bytes]
TEXTS = st.sampled_from([bytes, gzip.compress])


def with_places(decoder: Decoder) -> tuple[list[Seen], list[Start]]:
    """The records of ``decoder``, and the places after them."""
    ends = list[Start]()

    class Noting:
        def __iter__(self) -> Any:
            for row, *place in decoder:
                ends.append(Origin(*place).end)
                yield row, *place

    return decoded(Noting()), ends  # type: ignore[arg-type]  # iterated over alone


def require_the_same_from_every_place(data: bytes, route: Route, *, limit: int, piece_sizes: Sequence[int], text: Text) -> None:
    """Each read that goes on gives what a read from the beginning gives after that place."""
    limits = Limits(record_bytes_max=limit)
    whole, ends = with_places(open_records(route, limits, pieces(data, piece_sizes), start=BEGIN))
    for number, end in enumerate(ends, 1):
        opened = Opened(MemoryObjects(Version(text(data)), largest=piece_sizes[-1]), REF, VirtualClock(0.0), limits=limits)
        assert decoded(opened.records(route, Part(start=end))) == whole[number:], end
        opened.close()


def encoded(data: bytes, encoding: str) -> bytes:
    """Content in ``encoding``, its bytes that are no text as lone surrogates."""
    return data if encoding == "utf-8" else data.decode("utf-8", "surrogateescape").encode(encoding, "surrogatepass")


@given(dirty(), sizes, st.integers(2, 40), ENCODINGS, TEXTS)
@example((",", b"1\nxxxxxx,1\n2\n"), [3], 3, "utf-8", bytes)
@example((",", b'1\n"xxxxxx\n3,"\r\n2\n'), [3], 3, "utf-8", gzip.compress)
@example(("", b'{}\n{"a":"xxxxxx{}"}\n{}\n'), [3], 4, "utf-8", bytes)
@example((",", b"1\r\naaaa\r\nb\r\n"), [1], 4, "utf-16-le", bytes)
def test_reading_on_after_any_record_of_dirty_text_gives_the_rest(
    content: tuple[str, bytes], piece_sizes: Sequence[int], limit: int, encoding: str, text: Text
) -> None:
    """CSV with quotes, delimiters and line ends of all kinds and JSON Lines, with a header line and without, of any limit, in any pieces."""
    delimiter, data = content
    for header in [["a"], None] if delimiter else [None]:
        route = replace(route_of(delimiter, header=header), encoding=encoding)
        start = b"" if header or not delimiter else b"a\n"
        require_the_same_from_every_place(encoded(start + data, encoding), route, limit=limit, piece_sizes=piece_sizes, text=text)


texts = st.sampled_from(["ab", "a é", "abc", "abcdefgh" * 3, "ab→" * 4, "", "x", "{}", '{"a":1}', '{"b":"' + "y" * 20 + '"}'])
contents = st.lists(st.tuples(texts, st.sampled_from(["\n", "\r\n", "\r"])).map("".join), max_size=8).map("".join)


@given(contents, st.sampled_from(["fixed", "jsonl", "tsv"]), sizes, st.integers(2, 30), st.tuples(ENCODINGS, TEXTS))
def test_reading_on_after_any_line_gives_the_rest(content: str, form: Any, piece_sizes: Sequence[int], limit: int, stored: tuple[Any, Text]) -> None:
    """Fixed width too, where a line may be as long as is allowed without its line end."""
    encoding, text = stored
    route = Route("r", "**", form, "t", widths={"a": 1, "b": 2} if form == "fixed" else {}, header=["a"] if form == "tsv" else None, encoding=encoding)
    require_the_same_from_every_place(content.encode(encoding), route, limit=limit, piece_sizes=piece_sizes, text=text)


FORMS: dict[str, dict[str, Any]] = {
    "csv": {},
    "csv-quoted": {},
    "tsv": {"delimiter": "\t"},
    "jsonl": {"format": "jsonl"},
    "fixed": {"format": "fixed", "widths": {"id": 4}},
}


def rows_of(form: str) -> bytes:
    """24 records, one that is too long and has records inside, one, too long again, and one."""
    row = {"jsonl": '{"id":%d}\n', "fixed": "%-4d\n"}.get(form, "%d\n")
    header = "" if form in ("jsonl", "fixed") else "id\n"
    long = '"' + row % 99 * 50 + '"\n' if form == "csv-quoted" else row[:-1] % 99 * 50 + "\n"
    return (header + "".join(row % number for number in range(24)) + long + row % 24 + long + row % 25).encode()


@pytest.mark.parametrize("text", [bytes, gzip.compress])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stop", ["limit", "time"])
@pytest.mark.parametrize("largest", [7, 50, 1000])
def test_load_that_stops_at_a_record_too_long_to_keep_goes_on_after_it(form: str, text: Text, stop: str, largest: int) -> None:
    """Whether the limit of rejected records stopped it, or its time was over: each record is counted once, and none is made up."""
    world = World(text(rows_of(form)), limits=Limits(record_bytes_max=40), **FORMS[form])
    world.objects.largest = largest
    assert (world.load().state, len(world.items()), len(world.rejects.lines)) == ("LOADED", 26, 2)
    lines, items = world.rejects.lines, world.items()
    world = World(text(rows_of(form)), world.config).with_route(on_error=OnError(max_rejects=0 if stop == "limit" else None))
    world.objects.largest = largest
    ports = Ports(world.objects, lambda name: world.table, world.rejects, world.clock)
    stop_at = world.clock.monotonic() if stop == "time" else math.inf
    part, states, kept, read = Part(), list[str](), list[Any](), 0
    while True:
        outcome = load_object(REF, world.config.routes[0], world.config, ports, part=part, stop_at=stop_at)
        states, kept, read = [*states, outcome.state], kept + world.rejects.lines, read + outcome.read
        world.rejects.lines = []
        if outcome.go_on is None:
            break
        part = Part(outcome.go_on)
    assert states == (["PARTIAL", "PARTIAL", "LOADED"] if stop == "limit" else ["INTERRUPTED", "INTERRUPTED", "LOADED"])
    assert (read, kept, world.items()) == (28, lines, items)
