"""Which version is meant, and which of two is newer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.ledger.identity import Sequencer, generation_id, order, sequencer_of
from headrace.ports import ObjectRef
from ledger.scene import version

PAIRS: dict[str, tuple[str | None, str | None, int | None]] = {
    "classic": ("0055AED6DCD90281E5", "0066DA1CBF104C0D51", -1),
    "classic and EventBridge": ("0055AED6DCD90281E5", "617f08299329d189", -1),
    "EventBridge and classic": ("617f08299329d189", "0055AED6DCD90281E5", 1),
    "the same in both forms": ("00617F08299329D189", "617f08299329d189", 0),
    "EventBridge": ("617b398000000000", "617f08299329d189", -1),
    "not padded by 00": ("0155AED6DCD90281E5", "617f08299329d189", None),
    "padded by more": ("000055AED6DCD90281E5", "617f08299329d189", None),
    "shorter by one": ("17f08299329d189", "617f08299329d189", None),
    "one is missing": (None, "617f08299329d189", None),
    "both are missing": (None, None, None),
    "no number": ("617f08299329d18g", "617f08299329d189", None),
    "sign": ("-17f08299329d189", "617f08299329d189", None),
    "underscore": ("617f_8299329d189", "617f08299329d189", None),
    "empty": ("", "617f08299329d189", None),
    "newline": ("617f08299329d18\n", "617f08299329d189", None),
    "digits of another script": ("٦17f08299329d189", "617f08299329d189", None),
    "too long for a number of the table": ("f" * 31, "f" * 31, None),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_order_of_sequencers_is_told_only_where_they_are_comparable(pair: str) -> None:
    """Fault 3: as numbers, for equal lengths and for those that a leading 00 makes equal."""
    one, other, expected = PAIRS[pair]
    first, second = (sequencer_of(ObjectRef("b", "k", sequencer=text)) for text in (one, other))
    assert order(first, second) == expected
    assert order(second, first) == (None if expected is None else -expected)


@given(st.integers(0, 16**18 - 1), st.integers(0, 16**18 - 1), st.sampled_from([16, 18]), st.sampled_from([16, 18]))
def test_order_is_that_of_numbers_wherever_it_is_told(one: int, other: int, digits: int, others: int) -> None:
    first, second = Sequencer(one % 16**digits, digits), Sequencer(other % 16**others, others)
    told = order(first, second)
    assert told in (None, (first.value > second.value) - (first.value < second.value))
    assert told is not None or digits != others


SAME = [
    (version(1), version(1, is_eventbridge=True)),
    (version(1), version(1, etag=None, size=None, sequencer=None)),
    (version(1, version_id=None), version(1, version_id=None, is_eventbridge=True)),
    (version(1, version_id=None, size=0), version(1, version_id=None, size=None)),
]
ORIGIN = version(1, version_id=None)
OTHER = [
    (version(1), version(2)),
    (ORIGIN, version(1)),
    *((ORIGIN, version(1, **{"version_id": None, name: value})) for name, value in [("bucket", "b"), ("key", "k"), ("etag", "e"), ("size", 1)]),
    (ORIGIN, version(2, version_id=None, etag="etag1", size=100)),
    (ObjectRef("a", "b/c", "v"), ObjectRef("a", "b", "c/v")),
    (ObjectRef("a", 'k","v', "v"), ObjectRef("a", "k", 'v","v')),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_events_of_one_upload_have_one_generation(one: ObjectRef, other: ObjectRef) -> None:
    assert generation_id(one) == generation_id(other)
    assert len(generation_id(one)) == 32


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_objects_versions_and_contents_have_other_generations(one: ObjectRef, other: ObjectRef) -> None:
    assert generation_id(one) != generation_id(other)


def test_generation_of_a_key_of_any_characters_has_an_id() -> None:
    assert len(generation_id(ObjectRef("b", "\x00𝄞\u2028\ufeff", "v"))) == 32
