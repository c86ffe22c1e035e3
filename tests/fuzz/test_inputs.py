"""The first inputs of the fuzzer, and those that once failed: what must hold of every input holds of them."""

from __future__ import annotations

import pytest

from fuzz.targets import TARGETS, inputs, run


@pytest.mark.parametrize("name", TARGETS)
def test_input_of_a_target_when_read_in_any_way_is_the_same(name: str) -> None:
    """See ``fuzz.exact.require_exact``; ``make fuzz`` looks for others."""
    for data in inputs(name):
        run(name, data)
