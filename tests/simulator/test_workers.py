"""The model of many workers: more of them are faster until the chunks or the table are the limit."""

from __future__ import annotations

import random

import pytest

from simulator.workers import Load, seconds


@pytest.mark.parametrize(("few", "many"), [(1, 2), (2, 4), (4, 8), (8, 16), (16, 32)])
def test_workers_when_the_table_is_no_limit_nearly_halve_the_time(few: int, many: int) -> None:
    """A million records in a thousand chunks."""
    load = Load(10**6, 200, 200_000)
    one, other = (seconds(load, workers, 1_000_000, random.Random(1)) for workers in (few, many))
    assert 1.4 < one / other < 2.1


def test_workers_when_the_table_is_the_limit_do_not_help() -> None:
    """4,000 items a second are 250 seconds, however many write them; more workers than chunks have nothing to do."""
    load = Load(10**6, 200, 200_000)
    assert all(250 < seconds(load, workers, 4_000, random.Random(1)) < 400 for workers in (1, 32, 1000))
    assert seconds(load, 1000, 1_000_000, random.Random(1)) == seconds(load, 5000, 1_000_000, random.Random(1))
