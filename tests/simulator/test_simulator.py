"""Seeds of every kind run without a violation, and one seed is one run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from simulator.run import run

SEEDS = 1000
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_seeds_when_run_break_no_rule(part: int) -> None:
    """I1 to I10, and each upload ends in one visible state; ``make simulate`` runs more of them."""
    count = SEEDS // PARTS
    failing = {seed: result.violations for seed in range(part * count, (part + 1) * count) if (result := run(seed)).violations}
    assert not failing, "see what happened: PYTHONPATH=tests python -m simulator --seed N --trace"


@pytest.mark.parametrize("seed", [3, 42, 98])
def test_seed_when_run_again_gives_the_same_run(seed: int) -> None:
    """Also in another process, where sets and dictionaries have another order."""
    trace = run(seed, has_trace=True).trace
    assert len(trace) > 10
    assert trace == run(seed, has_trace=True).trace
    command = [sys.executable, "-m", "simulator", "--seed", str(seed), "--trace"]
    source = Path(sys.modules["headrace"].__path__[0]).parent
    paths = f"{Path(__file__).parents[1]}:{source}"
    said = subprocess.run(command, env={"PYTHONPATH": paths, "PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[: len(trace)] == trace


def test_faults_when_some_are_left_out_leave_the_others_as_they_were() -> None:
    """Shrinking relies on it: each fault is a decision of its own."""
    whole = run(42)
    assert len(whole.injected) > 5
    assert run(42, only=whole.injected).injected == whole.injected
    assert set(run(42, only=whole.injected[:3]).injected) <= set(whole.injected[:3])
    assert run(42, only=[]).injected == []
