"""``python -m simulator -n 10000``: many runs on all cores; ``--seed 7 --trace``: one run and what happened in it."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import Pool, cpu_count

from simulator.faults import KINDS
from simulator.run import Result, run
from simulator.shrink import shrunk
from simulator.watch import Violation

SHOWN_MAX = 5
LINES_MAX = 60
AT_ONCE = 20


@dataclass
class Total:
    """Sums over runs."""

    runs: int = 0
    calls: int = 0
    invocations: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    failing: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.runs += 1
        self.calls += result.calls
        self.invocations += result.invocations
        self.faults.update(fault.kind for fault in result.injected)
        self.states += result.states
        if result.violations:
            self.failing.append(result)


def simulate(seeds: range, processes: int, *, is_told: bool = False) -> Total:
    """Run all ``seeds``."""
    total, began = Total(), time.monotonic()
    with Pool(processes) as pool:
        for result in pool.imap_unordered(run, seeds, chunksize=AT_ONCE):
            total.add(result)
            if is_told and result.violations:
                _say(f"seed {result.seed} fails: {', '.join(sorted({violation.rule for violation in result.violations}))}")
            if is_told and total.runs % 5000 == 0:
                _say(f"{total.runs} of {len(seeds)} runs, {len(total.failing)} failing, {time.monotonic() - began:.0f} s")
    return total


def main(arguments: list[str]) -> int:
    """The program; 1 where a run failed."""
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("-n", "--runs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--trace", action="store_true", help="show everything that happened")
    parser.add_argument("--processes", type=int, default=cpu_count())
    given = parser.parse_args(arguments)
    if given.seed is not None:
        return _one(given.seed, has_trace=given.trace)
    began = time.monotonic()
    total = simulate(range(given.first, given.first + given.runs), given.processes, is_told=True)
    _report(total, time.monotonic() - began)
    for result in total.failing[:SHOWN_MAX]:
        _show(shrunk(result))
    return 1 if total.failing else 0


def _one(seed: int, *, has_trace: bool) -> int:
    result = run(seed, has_trace=has_trace)
    _say(*result.trace)
    _say(f"seed {seed}: {result.calls} calls, {len(result.injected)} faults, ends {dict(result.states)}")
    _say(*map(_violation, result.violations))
    return 1 if result.violations else 0


def _report(total: Total, seconds: float) -> None:
    _say(f"{total.runs} runs in {seconds:.0f} s: {total.invocations} invocations, {total.calls} calls, {sum(total.faults.values())} faults")
    _say("", "faults injected")
    _say(*(f"{total.faults[kind]:10}  {kind:26} {meaning}" for kind, meaning in KINDS.items()))
    _say("", "how uploads ended")
    _say(*(f"{count:10}  {state}" for state, count in total.states.most_common()))
    _say("", f"failing seeds: {', '.join(str(result.seed) for result in total.failing[:50]) or 'none'}")


def _show(result: Result) -> None:
    """A run that fails with few faults."""
    _say("", f"seed {result.seed} fails with {len(result.injected)} faults: {', '.join(map(str, result.injected)) or 'none are needed'}")
    _say(*map(_violation, result.violations[:SHOWN_MAX]))
    _say(*([f"... {len(result.trace) - LINES_MAX} lines before: python -m simulator --seed {result.seed} --trace"] if len(result.trace) > LINES_MAX else []))
    _say(*result.trace[-LINES_MAX:])


def _violation(violation: Violation) -> str:
    return f"{violation.rule} violated: {violation.seen}"


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
