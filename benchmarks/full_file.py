"""Load the whole flights file (336,776 records) with ``headrace load`` into each engine, and print items/s and peak memory.

Usage: python benchmarks/full_file.py FLIGHTS_CSV [RESULTS], which adds what was found to the file RESULTS; ``make bench`` does all of it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from headrace.local.emulator import EmbeddedAws
from servers import dynalite

KEY = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
HERE = Path(__file__).resolve().parent


@contextmanager
def embedded() -> Iterator[dict[str, str]]:
    """The embedded AWS, as the environment of a client."""
    with EmbeddedAws() as aws:
        yield aws.credentials


@contextmanager
def second_engine() -> Iterator[dict[str, str]]:
    """dynalite, as the environment of a client."""
    with dynalite.start() as endpoint:
        yield {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


def loaded(environment: dict[str, str], flights: Path) -> tuple[dict[str, float], int, int]:
    """The outcome of one ``headrace load`` in a process of its own, its peak resident memory in KiB, and the items in the table after it."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    attributes = [{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in KEY]
    client.create_table(TableName="flights", KeySchema=KEY, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST")
    client.get_waiter("table_exists").wait(TableName="flights")
    config = HERE.parent / "examples" / "flights" / "headrace.yaml"
    command = [str(Path(sys.executable).parent / "headrace"), "load", str(flights), "--config", str(config), "--route", "flights", "--json"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=clean | environment, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        output.seek(0)
        outcome = json.loads(output.read())
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"headrace load failed: {outcome}")
    pages = client.get_paginator("scan").paginate(TableName="flights", Select="COUNT")
    peak = usage.ru_maxrss if platform.system() == "Linux" else usage.ru_maxrss // 1024
    return outcome, peak, sum(page["Count"] for page in pages)


def main(flights: Path, results: Path | None) -> None:
    """Print and store one row for each engine."""
    rows = []
    print(f"{'engine':<24} {'read':>8} {'written':>8} {'in table':>8} {'seconds':>8} {'items/s':>8} {'peak MB':>8}")
    for name, engine in {"embedded AWS (MiniStack)": embedded, "dynalite": second_engine}.items():
        with engine() as environment:
            outcome, peak, items = loaded(environment, flights)
        row = {"engine": name, "read": outcome["read"], "written": outcome["written"], "in_table": items}
        rows.append(row | {"seconds": outcome["seconds"], "peak_mb": peak * 1024 / 1e6})
        rate = outcome["read"] / outcome["seconds"]
        print(f"{name:<24} {outcome['read']:>8} {outcome['written']:>8} {items:>8} {outcome['seconds']:>8.1f} {rate:>8.0f} {rows[-1]['peak_mb']:>8.1f}")
    if results:
        document = json.loads(results.read_text(encoding="utf-8"))
        results.write_text(json.dumps(document | {"engines": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
