"""The checks of the simulator notice: headrace with a broken rule does not get through some hundred seeds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulator.mutants import MUTANTS, leases_are_not_looked_at
from simulator.run import run
from simulator.shrink import shrunk

SEEDS = range(600)


@pytest.mark.parametrize(("mutant", "rule"), MUTANTS, ids=[mutant.__name__ for mutant, _ in MUTANTS])
def test_rule_when_broken_is_seen_broken(monkeypatch: pytest.MonkeyPatch, mutant: Callable[[pytest.MonkeyPatch], None], rule: str) -> None:
    """One broken build for each invariant; the one that is broken must be among those that are told."""
    mutant(monkeypatch)
    for seed in SEEDS:
        if rule in {violation.rule for violation in run(seed).violations}:
            return
    pytest.fail(f"{len(SEEDS)} seeds without {rule}")


def test_failing_run_when_shrunk_fails_with_fewer_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown of a failing seed are the faults that it takes, and what then happened."""
    leases_are_not_looked_at(monkeypatch)
    failing = next(result for result in map(run, SEEDS) if len(result.injected) > 10 and "I6" in {violation.rule for violation in result.violations})
    result = shrunk(failing)
    assert result.violations
    assert len(result.injected) < len(failing.injected) / 2
    assert result.trace
