"""How long a cut object takes with more and more workers: the product's planner and chunk sizes, with network and table charged by the second.

Records are counted, not encoded: a million of them with a thousand workers take a second here. ``python -m simulator.workers``.
"""

from __future__ import annotations

import heapq
import random
import sys
from typing import NamedTuple

from headrace.split.plan import ITEMS_PER_S, chunk_bytes_for
from headrace.write.batch import ITEMS_MAX

WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
TABLE_ITEMS_PER_S = (4_000, 40_000, 1_000_000)
"""A new on-demand table, the default quota of a table, and a table that is no limit (DynamoDB developer guide, on-demand-capacity-mode, 2026-11)."""
CALL_S = (0.005, 0.010)
"""Of a BatchWriteItem of 25 small items."""
WINDOW = 32
NETWORK_BYTES_PER_S = 78_000_000
"""Of a function (Lambda developer guide, gettingstarted-limits, 2026-11)."""
SCAN_BYTES_PER_S = 60_000_000
STEP_S = 0.02
"""Of one call to the ledger or to SQS."""
COLD_S = 0.35
SEND_ENTRIES = 10


class Load(NamedTuple):
    """An object of ``items`` records, and the bytes of a chunk."""

    items: int
    record_bytes: int
    chunk_bytes: int


def seconds(load: Load, workers: int, table_items_per_s: float, chance: random.Random) -> float:
    """From the event to the last commit: scan and plan, then chunks to whoever is free, each slowed by the table that all share."""
    size = load.items * load.record_bytes
    chunks = max(size // load.chunk_bytes, 1)
    planned_s = COLD_S + 2 * STEP_S + size / SCAN_BYTES_PER_S + STEP_S * (chunks / 99 + chunks / SEND_ENTRIES)
    items = load.items / chunks
    busy = min(workers, chunks)
    rate = min(ITEMS_PER_S, WINDOW * ITEMS_MAX / (sum(CALL_S) / 2), table_items_per_s / busy)
    free = [planned_s + COLD_S * chance.uniform(0.8, 1.5) for _ in range(busy)]
    heapq.heapify(free)
    ends = []
    for _ in range(chunks):
        began = heapq.heappop(free)
        writing_s = items / rate * chance.uniform(0.95, 1.1)
        ends.append(began + 3 * STEP_S + load.chunk_bytes / NETWORK_BYTES_PER_S + writing_s + chance.uniform(*CALL_S))
        heapq.heappush(free, ends[-1])
    return max(ends)


def table(load: Load) -> str:
    """Seconds by workers and by what the table takes, as Markdown."""
    lines = ["| workers | " + " | ".join(f"table takes {rate:,}/s" for rate in TABLE_ITEMS_PER_S) + " |", "|---:|" + "---:|" * len(TABLE_ITEMS_PER_S)]
    for workers in WORKERS:
        times = [seconds(load, workers, rate, random.Random(1)) for rate in TABLE_ITEMS_PER_S]
        lines.append(f"| {workers:,} | " + " | ".join(f"{time:,.1f} s" for time in times) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables: a million records in a thousand chunks, and 50 million in chunks as the product makes them."""
    for items, chunk_bytes in ((10**6, 200_000), (5 * 10**7, chunk_bytes_for(10**10, 200.0))):
        load = Load(items, 200, chunk_bytes)
        sys.stdout.write(f"\n{load.items:,} records of {load.record_bytes} bytes in chunks of {chunk_bytes:,} bytes\n\n{table(load)}\n")


if __name__ == "__main__":
    main()
