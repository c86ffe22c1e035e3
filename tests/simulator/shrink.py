"""The few faults that matter: those without which a failing run does not fail."""

from __future__ import annotations

from simulator.faults import Fault
from simulator.run import Result, run

RUNS_MAX = 300


def shrunk(failing: Result) -> Result:
    """The run of ``failing``'s seed with as few of its faults as it takes to break one of the same rules, and its trace."""
    rules = {violation.rule for violation in failing.violations}
    faults, runs = failing.injected, 0
    size = max(len(faults) // 2, 1)
    while faults and runs < RUNS_MAX:
        for start in range(0, len(faults), size):
            fewer = faults[:start] + faults[start + size :]
            runs += 1
            if rules & _rules(failing.seed, fewer):
                faults = fewer
                break
        else:
            if size == 1:
                break
            size = max(size // 2, 1)
    return run(failing.seed, only=faults, has_trace=True)


def _rules(seed: int, faults: list[Fault]) -> set[str]:
    return {violation.rule for violation in run(seed, only=faults).violations}
