"""The flights file as the peers need it. Plain Python, as their users write it, without headrace."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Iterator
from typing import Any

TABLE = "flights"
BATCH = 25
ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
REGION = os.environ["AWS_REGION"]
TEXTS = frozenset(("carrier", "tailnum", "origin", "dest", "time_hour"))


def items(path: str) -> Iterator[dict[str, Any]]:
    """Each record with its key, numbers as int, without the columns that are NA."""
    with open(path, newline="", encoding="utf-8") as lines:  # noqa: PTH123
        rows = csv.reader(lines)
        header = next(rows)
        is_number = [name not in TEXTS for name in header]
        carrier, flight, hour, origin = (header.index(name) for name in ("carrier", "flight", "time_hour", "origin"))
        for row in rows:
            item: dict[str, Any] = {"pk": f"flight#{row[carrier]}{row[flight]}", "sk": f"{row[hour]}#{row[origin]}"}
            for name, value, number in zip(header, row, is_number, strict=True):
                if value != "NA":
                    item[name] = int(value) if number else value
            yield item


def typed_items(path: str) -> Iterator[dict[str, dict[str, str]]]:
    """Each record in DynamoDB's own form: ``{"pk": {"S": …}, "year": {"N": …}, …}``."""
    with open(path, newline="", encoding="utf-8") as lines:  # noqa: PTH123
        rows = csv.reader(lines)
        header = next(rows)
        kinds = ["S" if name in TEXTS else "N" for name in header]
        carrier, flight, hour, origin = (header.index(name) for name in ("carrier", "flight", "time_hour", "origin"))
        for row in rows:
            item = {"pk": {"S": f"flight#{row[carrier]}{row[flight]}"}, "sk": {"S": f"{row[hour]}#{row[origin]}"}}
            for name, value, kind in zip(header, row, kinds, strict=True):
                if value != "NA":
                    item[name] = {kind: value}
            yield item


def batches(records: Iterator[Any]) -> Iterator[list[Any]]:
    """``records`` in lists of 25."""
    while batch := list(itertools.islice(records, BATCH)):
        yield batch
