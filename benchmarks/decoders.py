"""Each decoder on one core, beside what else reads the same file: MB/s and records/s, values made as Python objects by all.

Usage: python benchmarks/decoders.py FLIGHTS_CSV [--peers-python PYTHON] [--quick] [--results FILE]. In each round every reader reads every file once,
in a process of its own on the client's core; a process that headrace starts for a binary format shares that core.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from compare import spread
from contestants import HERE
from process import run
from report import decoders_table

RECORDS, QUICK_RECORDS = 100_000, 10_000
ROUNDS, QUICK_ROUNDS = 3, 1
PEERS = {
    "csv": ("DuckDB", "polars", "pyarrow", "Python"),
    "jsonl": ("DuckDB", "polars", "pyarrow", "Python"),
    "json": ("DuckDB", "polars", "Python"),
    "dynamodb_json": ("Python",),
    "parquet": ("DuckDB", "polars", "pyarrow"),
    "orc": ("pyarrow",),
    "avro": ("polars",),
    "csv.gzip": ("DuckDB", "polars", "Python"),
    "csv.zstd": ("DuckDB", "polars"),
    "csv.bzip2": ("Python",),
    "csv.xz": ("Python",),
    "fixed": (), "ion": (), "ion_text": (), "xlsx": (), "csv.lz4": (), "csv.snappy": (), "csv.zip": (),
}  # fmt: skip
"""By the file's ending, who reads it beside headrace."""


def measured(reader: str, python: str, path: Path) -> dict[str, Any]:
    """One reading: records, seconds without start and imports, peak memory of the process in MB, imports included."""
    usage = run([python, str(HERE / "decoding" / "read.py"), reader, str(path)], {**os.environ, "POLARS_MAX_THREADS": "1"}, path.parent)
    return json.loads(usage.output) | {"peak_mb": usage.peak_mb}


def rounds(folder: Path, peers_python: str, count: int) -> list[dict[str, Any]]:
    """All files by all readers in turns. Raises RuntimeError where two readers find different numbers of records."""
    turns: dict[tuple[str, str], list[dict[str, Any]]] = {(ending, reader): [] for ending, peers in PEERS.items() for reader in ("headrace", *peers)}
    for number in range(1, count + 1):
        for (ending, reader), found in turns.items():
            path = folder / f"flights.{ending}"
            found.append(measured(reader, sys.executable if reader == "headrace" else peers_python, path))
            ours = turns[ending, "headrace"][0]["records"]
            if found[-1]["records"] != ours:
                raise RuntimeError(f"{path.name}: {reader} found {found[-1]['records']} records, headrace {ours}")
            print(f"round {number}: {ending:<14} {reader:<9} {ours / found[-1]['seconds']:>11,.0f} records/s", flush=True)
    return [_row(folder, ending, reader, found) for (ending, reader), found in turns.items()]


def _row(folder: Path, ending: str, reader: str, turns: list[dict[str, Any]]) -> dict[str, Any]:
    plain = folder / ("flights.csv" if ending.startswith("csv") else f"flights.{ending}")
    return {
        "file": ending,
        "reader": reader,
        "records": turns[0]["records"],
        "bytes": plain.stat().st_size,
        "mb_s": spread([plain.stat().st_size / 1e6 / turn["seconds"] for turn in turns]),
        "records_s": spread([turn["records"] / turn["seconds"] for turn in turns]),
        "peak_mb": max(turn["peak_mb"] for turn in turns),
    }


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flights", type=Path)
    parser.add_argument("--peers-python", type=Path, default=Path(sys.executable), help="the Python of the peers' environment")
    parser.add_argument("--quick", action="store_true", help="fewer records, one round")
    parser.add_argument("--results", type=Path, help="add what was found to this file")
    given = parser.parse_args()
    records, count = (QUICK_RECORDS, QUICK_ROUNDS) if given.quick else (RECORDS, ROUNDS)
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([sys.executable, str(HERE / "decoding" / "files.py"), str(given.flights.resolve()), name, str(records)], check=True)
        rows = rounds(Path(name), str(given.peers_python.absolute()), count)
    print(decoders_table(rows))
    if given.results:
        document = json.loads(given.results.read_text(encoding="utf-8"))
        given.results.write_text(json.dumps(document | {"decoders": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
