"""The stack that the tests deploy, and its transforms."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from headrace.config.model import Column, Config, Function, OnError, Route, Source, Table

TIMEOUT_S = 20
FORMATS: dict[str, Literal["csv", "tsv", "jsonl"]] = {
    "plain.csv": "csv",
    "tabs.tsv": "tsv",
    "one.csv.gz": "csv",
    "members.csv.gz": "csv",
    "lines.jsonl": "jsonl",
    "lines.jsonl.gz": "jsonl",
}
"""Sample files of test_formats.py; each has a route and a table of its own."""

ORDER_COLUMNS = {
    "order_id": Column(empty="reject"),
    "line": Column("number", empty="reject"),
    "customer": Column(),
    "quantity": Column("number", name="qty"),
    "price": Column("number"),
    "gift": Column("boolean"),
    "ordered_at": Column("timestamp"),
    "tags": Column("string_set"),
    "sizes": Column("number_set"),
    "note": Column(empty="null"),
    "internal": Column("drop"),
}
ORDER_KEY = {"pk": "order#{order_id}", "sk": "{line:04}"}

TRANSFORMS = '''
"""Transforms of the tests."""
import os
import time


def slow(record):
    """Hangs in a record as long as the file exists that it names."""
    while os.path.exists(record["held_by"]):
        time.sleep(0.05)
    return record


def steady(record):
    """Takes a millisecond for each record."""
    time.sleep(0.001)
    return record


def greedy(record):
    """Takes more memory than the function has, as long as the file exists that the record names."""
    if os.path.exists(record["held_by"]):
        held = bytearray(b"x") * 600_000_000
    return record


def drop_all(record):
    return None


def leave(record):
    os._exit(3)
'''


def order_route(name: str, format: Literal["csv", "tsv", "jsonl"]) -> Route:
    """Everything that a route can say about columns, in one."""
    constants: dict[str, str | int | bool] = {"source": "shop", "revision": 3, "is_test": True}
    return Route(name, f"formats/{name}", format, name, ORDER_COLUMNS, key=ORDER_KEY, constants=constants, null_values=["NULL"])


def plain_route(name: str, match: str, table: str = "records", transform: str = "", format: Literal["csv", "jsonl"] = "csv") -> Route:
    """Records of an id, a group and a value."""
    columns = {"id": Column(empty="reject"), "group": Column(), "value": Column("number")}
    if transform in ("shaping:slow", "shaping:greedy"):
        columns["held_by"] = Column()
    return Route(name, match, format, table, columns, transform=transform, on_error=OnError(max_rejects=None))


def config(trigger: Literal["sqs", "direct"]) -> Config:
    """One route for each format, and plain ones for everything else."""
    tables = {name: Table({"pk": "string", "sk": "string"}, name=f"orders-{name}") for name in FORMATS}
    tables |= {"changes": Table({"id": "string"})}
    tables |= {"records": Table({"id": "string"}), "bulk": Table({"id": "string"}), "nowhere": Table({"id": "string"}, name="no-such-table", existing=True)}
    routes = [order_route(name, format) for name, format in FORMATS.items()]
    routes += [
        plain_route("lines", "lines/**", format="jsonl"),
        plain_route("nowhere", "nowhere/**", "nowhere"),
        plain_route("bulk", "bulk/**", "bulk"),
        plain_route("slow", "slow/**", "bulk", transform="shaping:slow"),
        plain_route("steady", "steady/**", "bulk", transform="shaping:steady"),
        plain_route("greedy", "greedy/**", "bulk", transform="shaping:greedy"),
        plain_route("dropped", "dropped/**", transform="shaping:drop_all"),
        plain_route("leaving", "leaving/**", transform="shaping:leave"),
        plain_route("records", "records/**"),
        replace(plain_route("inserts", "inserts/**", "changes"), mode="insert_only", operation="op", other_columns="drop"),
        replace(plain_route("merges", "merges/**", "changes"), mode="update", operation="op", other_columns="drop"),
    ]
    function = Function(timeout_s=TIMEOUT_S, maximum_concurrency=4, memory_mb=512)
    return Config(Source(f"system-{trigger}-incoming", trigger), tables, routes, name=f"system-{trigger}", function=function)
