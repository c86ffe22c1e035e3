"""Rules of ``headrace.account.rejects``: nothing rejected is lost, and a retried load replaces its own file."""

from __future__ import annotations

import errno
import io
import json
import os
import tracemalloc
from contextlib import closing
from typing import Any, BinaryIO

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from headrace.account.rejects import RejectsFile, reject_name
from headrace.errors import ObjectError, Unavailable
from headrace.ports import ObjectRef
from headrace.record import Rejection

REJECTION = Rejection("NUMBER_INVALID", "column price: found 'x', expected a number", 7, 120, "price", b"1,x\r\n")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


class Sink:
    """A RejectSink in memory that can fail a number of times."""

    def __init__(self, failures: int = 0) -> None:
        self.kept: dict[str, bytes] = {}
        self.failures = failures

    def store(self, name: str, content: BinaryIO) -> str:
        if self.failures:
            self.failures -= 1
            content.read(10)
            raise Unavailable("UNAVAILABLE", "the connection was lost")
        self.kept[name] = content.read()
        return f"s3://rejects/{name}"


def stored(*rejections: Rejection) -> list[dict[str, Any]]:
    sink = Sink()
    with closing(RejectsFile()) as rejects:
        for rejection in rejections:
            rejects.add(rejection, object="landing/a.csv@v1", route="orders")
        assert rejects.count == len(rejections)
        rejects.store(sink, "name")
    return [json.loads(line) for line in sink.kept["name"].decode("utf-8").split("\n")[:-1]]


def test_store_when_records_were_rejected_keeps_each_as_one_line() -> None:
    """A line says which record of which object was rejected by which route and why, and holds the record itself."""
    (line, other) = stored(REJECTION, Rejection("UTF8_INVALID", "not UTF-8", 8, 125, "", b"\xff\n"))
    expected = {"object": "landing/a.csv@v1", "route": "orders", "code": "NUMBER_INVALID", "message": REJECTION.message, "line": 7, "byte_offset": 120}
    assert line == expected | {"column": "price", "raw": "1,x\r\n"}
    assert (other["raw_base64"], "raw" in other) == ("/wo=", False)


@given(st.text(max_size=30), st.text(max_size=30), st.binary(max_size=60))
@example("found '\ud800'", "caf\udce9", "line\u2028\u0085\n".encode())
def test_store_when_texts_hold_anything_gives_lines_of_strict_json(message: str, column: str, raw: bytes) -> None:
    """Surrogates and line ends in messages and records break neither the encoding nor the lines."""
    (line,) = stored(Rejection("CODE", message, 1, 0, column, raw))
    assert json.dumps(line, ensure_ascii=False).encode("utf-8")
    assert len(line["message"]) == len(message)


def test_store_when_nothing_was_rejected_stores_nothing() -> None:
    """No rejects, no object and no address."""
    sink = Sink()
    with closing(RejectsFile()) as rejects:
        assert rejects.store(sink, "name") == ""
    assert sink.kept == {}


def test_store_when_the_sink_failed_before_can_be_repeated() -> None:
    """An unavailable sink loses nothing: the second attempt stores everything from the start."""
    sink = Sink(failures=1)
    with closing(RejectsFile()) as rejects:
        rejects.add(REJECTION, object="o", route="r")
        with pytest.raises(Unavailable):
            rejects.store(sink, "name")
        assert rejects.store(sink, "name") == "s3://rejects/name"
    assert json.loads(sink.kept["name"])["raw"] == "1,x\r\n"


def test_add_when_rejects_are_many_needs_constant_memory() -> None:
    """Beyond 8 MB the lines lie on disk."""
    rejection = Rejection("CODE", "message", 1, 0, "", b"x" * 100_000)
    with closing(RejectsFile()) as rejects:
        tracemalloc.start()
        for _ in range(300):
            rejects.add(rejection, object="o", route="r")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert rejects.count == 300
    assert peak < 20_000_000  # 30 MB were added; 8 MB stay in memory and are copied once


class FullDisk(io.BytesIO):
    """A file on a disk without room: like a buffered file, it takes a write and complains at flush and close."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        super().close()
        self.flush()


def test_add_when_the_disk_is_full_fails_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rejected record that cannot be kept must not be forgotten: the load fails and says what to do."""
    monkeypatch.setattr("headrace.account.rejects.SpooledTemporaryFile", lambda max_size: FullDisk())
    with closing(RejectsFile()) as rejects, pytest.raises(ObjectError) as caught:
        rejects.add(REJECTION, object="landing/a.csv@v1", route="orders")
    assert (caught.value.code, caught.value.object, rejects.count) == ("REJECTS_TOO_MANY", "landing/a.csv@v1", 0)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        (ObjectRef("landing", "in/a b+c.csv", "3sL4kqtJ", "9b2c"), "orders/in/a b+c.csv/3sL4kqtJ.jsonl"),
        (ObjectRef("landing", "in/a.csv", None, "9b2c-7"), "orders/in/a.csv/9b2c-7.jsonl"),
        (ObjectRef("landing", "in/a.csv"), "orders/in/a.csv/unpinned.jsonl"),
        (ObjectRef("landing", "in/a.csv", "x/y=z"), "orders/in/a.csv/x%2Fy%3Dz.jsonl"),
    ],
)
def test_reject_name_when_it_fits_is_readable(ref: ObjectRef, expected: str) -> None:
    """Route, key and version (else eTag) in clear text; size and sequencer do not matter."""
    assert reject_name("orders", ref) == expected
    assert reject_name("orders", ObjectRef(ref.bucket, ref.key, ref.version_id, ref.etag, 5, "00AB")) == expected


@pytest.mark.parametrize("key", ["k" * 1024, "é" * 512, "x" + "é" * 511, "k" * 1005, "k" * 1006, "k" * 1007])
@pytest.mark.parametrize("pin", ["v", "v" * 1024, "ü" * 400])
def test_reject_name_when_the_key_is_long_fits_and_stays_distinct(key: str, pin: str) -> None:
    """At most 1,024 bytes of UTF-8, deterministic, and different for another version or another end of the key."""
    name = reject_name("orders", ObjectRef("landing", key, pin))
    assert len(name.encode()) <= 1024
    assert name == reject_name("orders", ObjectRef("other", key, pin, "etag"))
    others = [(key[:-1], pin), (key, pin + "w"), (key, pin[:-1]), (key[:-1] + "z", pin)]
    assert name not in {reject_name("orders", ObjectRef("landing", *other)) for other in others}


@given(TEXT, TEXT, TEXT, TEXT)
@example("a", "b/c", "a/b", "c")
@example("a", "b.jsonl", "a/b.jsonl", "")
def test_reject_name_when_versions_or_keys_differ_differs(key: str, pin: str, other_key: str, other_pin: str) -> None:
    """Two versions never share a file of rejects, whatever is in their names."""
    assume((key, pin) != (other_key, other_pin) and "unpinned" not in (pin, other_pin))
    assert reject_name("r", ObjectRef("b", key, pin)) != reject_name("r", ObjectRef("b", other_key, other_pin))


def test_reject_name_when_a_key_imitates_a_shortened_name_differs() -> None:
    """The hash of a shortened name stands where a version stands, marked with a character that no version keeps."""
    long = reject_name("r", ObjectRef("b", "k" * 1024, "v"))
    key, _, ending = long.removeprefix("r/").rpartition("/")
    assert reject_name("r", ObjectRef("b", key, ending.removesuffix(".jsonl"))) != long
