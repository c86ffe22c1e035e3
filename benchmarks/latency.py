"""How many calls have to be in flight when each answer takes 5–10 ms, as DynamoDB's do: headrace with 1 to 64 senders, beside Little's law.

Usage: python benchmarks/latency.py FLIGHTS_CSV [--quick] [--results FILE]. The server is the model server with a delay that is drawn at random
from a fixed seed; client and server have a core each.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import data
import sink
from compare import BATCH, spread
from contestants import CONFIG, HEADRACE, HERE, environment
from process import Usage, run
from report import latency_table

SENDERS = (1, 2, 4, 8, 16, 32, 64, 0)
"""0 is headrace as it is, with the number that it chooses itself."""
DELAY_MS = (5.0, 10.0)
GOAL_ITEMS_S = 40_000
RECORDS_PER_SENDER = 12_500
LOAD_CONNECTIONS = (8, 64)
LOAD_S = 2.0


def load(senders: int, source: Path, endpoint: str) -> Usage:
    """headrace loads ``source`` with so many calls in flight."""
    program = [sys.executable, str(HERE / "headrace" / "with_senders.py"), str(senders)] if senders else [HEADRACE]
    return run([*program, "load", str(source), "--config", CONFIG, "--route", "csv", "--json"], environment(endpoint, os.environ), source.parent)


def ceiling(endpoint: str) -> float:
    """Calls that the server answers each second, at most."""
    script = str(HERE / "peers" / "ready_load.py")
    runs = [run([sys.executable, script, endpoint, str(number), str(LOAD_S)], os.environ, HERE) for number in LOAD_CONNECTIONS]
    return max(float(json.loads(usage.output)["calls_s"]) for usage in runs)


def turns(source: Path, folder: Path, rounds: int, share: float) -> list[dict[str, Any]]:
    """All numbers of senders in turns, ``rounds`` times."""
    total = data.count(source)
    rates: dict[int, list[float]] = {senders: [] for senders in SENDERS}
    held: dict[int, list[float]] = {senders: [] for senders in SENDERS}
    most: dict[int, int] = dict.fromkeys(SENDERS, 0)
    with sink.model("--delay-ms", *map(str, DELAY_MS)) as endpoint:
        for number in range(1, rounds + 1):
            for senders in SENDERS:
                records = min(int((senders or 8) * RECORDS_PER_SENDER * share) // BATCH * BATCH, total)
                sink.counts(endpoint)
                usage = load(senders, data.take(source, folder, records).csv, endpoint)
                counted = sink.counts(endpoint)
                if counted["calls"] < -(-records // BATCH):
                    raise RuntimeError(f"{counted['calls']} calls for {records} records")
                rates[senders].append(records / json.loads(usage.output)["seconds"])  # headrace's own: from opening the file to the last answer
                held[senders].append(counted["held_ms"])
                most[senders] = max(most[senders], counted["in_flight_max"])
                print(f"round {number}: {senders or 'own'} senders: {rates[senders][-1]:,.0f} items/s", flush=True)
    return [_row(senders, rates[senders], statistics.mean(held[senders]), most[senders]) for senders in SENDERS]


def _row(senders: int, rates: list[float], held_ms: float, in_flight_max: int) -> dict[str, Any]:
    law = (senders or in_flight_max) * BATCH / held_ms * 1000
    return {"senders": senders, "items_s": spread(rates), "held_ms": held_ms, "in_flight_max": in_flight_max, "law_items_s": law}


def sentence(rows: list[dict[str, Any]]) -> str:
    """What 40,000 items/s need, by the law and by the measurement."""
    fixed = [row for row in rows if row["senders"]]
    held_ms = statistics.median(row["held_ms"] for row in fixed)
    calls = GOAL_ITEMS_S // BATCH
    text = f"{GOAL_ITEMS_S:,} items/s are {calls:,} calls/s; at {held_ms:.1f} ms for each, Little's law asks for "
    text += f"{calls:,} × {held_ms / 1000:.4f} s = **{math.ceil(calls * held_ms / 1000)} calls in flight**. "
    above = next((at for at, row in enumerate(fixed) if row["items_s"]["median"] >= GOAL_ITEMS_S), None)
    if above is None:
        best = max(fixed, key=lambda row: float(row["items_s"]["median"]))
        return text + f"Measured: not reached in this run; the most was {best['items_s']['median']:,.0f} items/s with {best['senders']}."
    upper = fixed[above]
    if above == 0:
        return text + f"Measured: {upper['senders']} is enough."
    lower = fixed[above - 1]
    low, high = lower["items_s"]["median"], upper["items_s"]["median"]
    between = lower["senders"] + (upper["senders"] - lower["senders"]) * (GOAL_ITEMS_S - low) / (high - low)
    return text + f"Measured: between {lower['senders']} ({low:,.0f}/s) and {upper['senders']} ({high:,.0f}/s), about {math.ceil(between)} on the line between."


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flights", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="fewer records, one round")
    parser.add_argument("--results", type=Path, help="add what was found to this file")
    given = parser.parse_args()
    with sink.model() as endpoint:
        ceiling_calls_s = ceiling(endpoint)
    with tempfile.TemporaryDirectory() as name:
        rows = turns(given.flights.resolve(), Path(name), 1 if given.quick else given.rounds, 0.2 if given.quick else 1.0)
    found = {"batch": BATCH, "goal_items_s": GOAL_ITEMS_S, "delay_ms": DELAY_MS, "ceiling_calls_s": ceiling_calls_s, "rows": rows, "sentence": sentence(rows)}
    found["sentence"] += f" The server itself answers {ceiling_calls_s:,.0f} calls/s ({ceiling_calls_s * BATCH:,.0f} items/s) when it does not wait."
    print(f"{latency_table(found)}\n{found['sentence']}")
    if given.results:
        document = json.loads(given.results.read_text(encoding="utf-8"))
        given.results.write_text(json.dumps(document | {"latency": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
