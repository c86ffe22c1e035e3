"""Reading an object: every byte once, of one version, whatever breaks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.virtual_clock import VirtualClock
from headrace.errors import Deadline, Denied, HeadraceError, ObjectError, Throttled, Unavailable
from headrace.ports import ObjectRef
from headrace.read.files import FileStore
from headrace.read.stream import ATTEMPTS_WITHOUT_PROGRESS, ObjectStream
from read.memory_objects import MemoryObjects, Version

CONTENT = bytes(range(97, 117))
REF = ObjectRef("landing", "a.csv")


def stream_of(objects: Any, ref: ObjectRef = REF, clock: VirtualClock | None = None, *, size_max: int = 1000, deadline: float = math.inf) -> ObjectStream:
    return ObjectStream(objects, ref, clock or VirtualClock(), object_bytes_max=size_max, deadline=deadline)


def code_of(stream: ObjectStream) -> str:
    """The code of the error that ends ``stream``."""
    with pytest.raises(HeadraceError) as caught:
        list(stream)
    return caught.value.code


@pytest.mark.parametrize("is_error", [False, True])
@pytest.mark.parametrize("at", range(len(CONTENT) + 1))
def test_body_cut_at_any_byte_is_continued_there(at: int, is_error: bool) -> None:
    """A clean early end and a broken connection are both seen; the rest comes from the next byte of the same version, nothing twice."""
    objects = MemoryObjects(Version(CONTENT, "e1", "v1"), cuts=[(at, is_error)], largest=7)
    stream = stream_of(objects)
    assert b"".join(stream) == CONTENT
    pinned = ObjectRef("landing", "a.csv", "v1", "e1")
    assert objects.asked == ([(REF, 0), (pinned, at)] if at < len(CONTENT) else [(REF, 0)])
    assert (stream.ref, stream.bytes_read, stream.total_bytes) == (pinned, len(CONTENT), len(CONTENT))
    assert all(body.is_closed for body in objects.bodies)


@given(st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=12), st.integers(1, 9), st.binary(max_size=60))
def test_body_cut_again_and_again_comes_whole(cuts: list[tuple[int, bool]], largest: int, content: bytes) -> None:
    """Breaks do not add up as long as each attempt brings something."""
    objects = MemoryObjects(Version(content), cuts=list(cuts), largest=largest)
    clock = VirtualClock()
    pieces = list(stream_of(objects, clock=clock))
    assert b"".join(pieces) == content
    assert b"" not in pieces
    assert set(clock.slept) <= {0.2}


def test_body_without_progress_is_given_up_after_some_attempts_with_growing_pauses() -> None:
    """Six attempts without a byte, then the last error; the pauses double."""
    for refusals, cuts in (([Throttled("THROTTLED", "slow down")] * 9, []), ([], [(0, True)] * 9), ([], [(0, False)] * 9)):
        clock = VirtualClock()
        objects = MemoryObjects(Version(CONTENT), cuts=list(cuts), refusals=list(refusals))
        assert code_of(stream_of(objects, clock=clock)) in ("THROTTLED", "STREAM_CUT")
        assert len(objects.asked) == ATTEMPTS_WITHOUT_PROGRESS
        assert clock.slept == [0.2, 0.4, 0.8, 1.6, 3.2]


def test_service_errors_that_can_pass_are_waited_for_and_others_are_raised() -> None:
    """Throttled and Unavailable come again; Denied does not."""
    objects = MemoryObjects(Version(CONTENT), refusals=[Throttled("THROTTLED", "x"), None, Unavailable("SERVICE_UNAVAILABLE", "x")], cuts=[(5, True)])
    assert b"".join(stream_of(objects)) == CONTENT
    objects = MemoryObjects(Version(CONTENT), refusals=[Denied("ACCESS_DENIED", "x")])
    assert code_of(stream_of(objects)) == "ACCESS_DENIED"
    assert len(objects.asked) == 1


@pytest.mark.parametrize("checks_conditions", [False, True])
@pytest.mark.parametrize("other", [Version(CONTENT.upper(), "e2"), Version(CONTENT[:-1], "e2"), Version(CONTENT + b"!", "e1"), Version(CONTENT, "e1", "v2")])
def test_object_replaced_between_pieces_is_never_mixed(other: Version, checks_conditions: bool) -> None:
    """The second answer belongs to another version: OBJECT_CHANGED, also from a store that ignores the condition."""
    objects = MemoryObjects(Version(CONTENT, "e1", "v1"), cuts=[(5, True)], replaced_by={1: other}, checks_conditions=checks_conditions)
    assert code_of(stream_of(objects)) == "OBJECT_CHANGED"


def test_object_that_is_not_the_version_of_the_event_is_refused() -> None:
    """The event's eTag counts from the first byte on, also where the store does not check it."""
    objects = MemoryObjects(Version(CONTENT, "e2"), checks_conditions=False)
    assert code_of(stream_of(objects, ObjectRef("landing", "a.csv", None, "e1"))) == "OBJECT_CHANGED"
    assert all(body.is_closed for body in objects.bodies)


def test_object_larger_than_the_limit_is_refused_before_a_byte_is_read() -> None:
    """At the limit it is read, one byte above it is not."""
    assert b"".join(stream_of(MemoryObjects(Version(CONTENT)), size_max=20)) == CONTENT
    objects = MemoryObjects(Version(CONTENT))
    stream = stream_of(objects, size_max=19)
    assert code_of(stream) == "OBJECT_TOO_LARGE"
    assert (stream.bytes_read, objects.bodies[0].is_closed) == (0, True)


def test_body_longer_than_announced_is_refused() -> None:
    """More bytes than the object has are not the object's."""

    class Longer(MemoryObjects):
        def open(self, ref: ObjectRef, offset: int) -> Any:
            opened = super().open(ref, offset)
            self.bodies[-1].data += b"!"
            return opened

    assert code_of(stream_of(Longer(Version(CONTENT)))) == "OBJECT_CHANGED"


def test_stream_that_is_left_early_closes_its_body() -> None:
    """A load that fails midway leaves no connection open."""
    objects = MemoryObjects(Version(CONTENT), largest=3)
    pieces = iter(stream_of(objects))
    next(pieces)
    pieces.close()
    assert objects.bodies[0].is_closed


def test_deadline_ends_reading_and_pauses() -> None:
    """After the deadline nothing more is read; a pause that would end after it is not begun. Everything read at the deadline is fine."""
    clock = VirtualClock(100.0)
    objects = MemoryObjects(Version(CONTENT), largest=5)
    stream = stream_of(objects, clock=clock, deadline=110.0)
    with pytest.raises(Deadline):
        for _ in stream:
            clock.sleep(4.0)
    assert stream.bytes_read == 15
    clock = VirtualClock(100.0)
    assert code_of(stream_of(MemoryObjects(Version(CONTENT), cuts=[(0, True)] * 9), clock=clock, deadline=101.0)) == "DEADLINE"
    assert clock.slept == [0.2, 0.4]
    clock = VirtualClock(100.0)
    pieces = iter(stream_of(MemoryObjects(Version(CONTENT)), clock=clock, deadline=101.0))
    next(pieces)
    clock.sleep(5.0)
    assert list(pieces) == []


def test_file_is_read_like_an_object(tmp_path: Path) -> None:
    """The command line takes the same path: pinned by size and time, resumable, errors by name."""
    path = tmp_path / "a b.csv"
    path.write_bytes(CONTENT)
    stream = stream_of(FileStore(), ObjectRef("", str(path)))
    assert b"".join(stream) == CONTENT
    assert str(stream.ref) == str(path)
    opened = FileStore().open(stream.ref, 5)
    assert (opened.body.read(100), opened.total_bytes) == (CONTENT[5:], 20)
    opened.body.close()
    path.write_bytes(CONTENT + b"!")
    assert code_of(stream_of(FileStore(), stream.ref)) == "OBJECT_CHANGED"
    for missing in (tmp_path / "no.csv", tmp_path):
        with pytest.raises(ObjectError) as caught:
            list(stream_of(FileStore(), ObjectRef("", str(missing))))
        assert (caught.value.code, caught.value.object) == ("OBJECT_MISSING", str(missing))
