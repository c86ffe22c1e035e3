"""Whatever a user's transform does becomes a record, "filtered", or a rejection."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from headrace.errors import RecordError
from headrace.transform.hook import load_transform

MODULE = """
import collections
import sys


def leave(record):
    sys.exit()


def fail(record):
    raise KeyError("x")


def fail_without_a_word(record):
    class Wordless(Exception):
        def __str__(self):
            raise ValueError("no words")
    raise Wordless


def text(record):
    return "no record"


def odd(record):
    class Odd(collections.UserDict):
        def get(self, *arguments):
            raise RuntimeError("odd")
    return Odd(record)


def drop(record):
    return None
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "shaping_of_tests.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("shaping_of_tests", None)


@pytest.mark.parametrize("name", ["leave", "fail", "fail_without_a_word", "text"])
def test_transform_that_fails_in_any_way_rejects_the_record(name: str) -> None:
    """Even one that wants to end the program: its record is kept, its neighbours go on."""
    transform = load_transform(f"shaping_of_tests:{name}", "r")
    with pytest.raises(RecordError) as caught:
        transform({"id": "1"})
    assert caught.value.code == "TRANSFORM_FAILED"


def test_transform_that_returns_a_mapping_of_its_own_kind_gives_a_dict() -> None:
    """What is peculiar about it cannot reach the encoder."""
    found = load_transform("shaping_of_tests:odd", "r")({"id": "1"})
    assert isinstance(found, Mapping)
    assert type(found) is dict
    assert found == {"id": "1"}


def test_transform_that_returns_none_filters() -> None:
    """None is the one way to leave a record out."""
    assert load_transform("shaping_of_tests:drop", "r")({"id": "1"}) is None
