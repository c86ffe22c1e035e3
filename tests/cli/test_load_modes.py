"""Loads in every mode into real tables of the embedded AWS, by the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.conftest import client, items
from cli.program import Run
from headrace.local.emulator import EmbeddedAws

CONFIG = """\
source: {bucket: cli-incoming}
tables:
  orders: {key: {id: number}, existing: true}
routes:
  - name: changes
    match: "*.csv"
    format: csv
    table: orders
    columns: {id: number, version: number, a: string, b: string}
    operation: op
"""
ROWS = "op,id,version,a,b\nI,1,5,new,\nU,1,6,,late\nu,2,1,x,\nmodify,3,2,y,y\nD,4,9,,\nX,5,1,,\nD,1,7,,\nI,1,1,again,\n"
BEFORE: list[dict[str, Any]] = [
    {"id": {"N": "2"}, "version": {"N": "3"}, "b": {"S": "old"}},
    {"id": {"N": "3"}, "version": {"N": "1"}, "b": {"S": "old"}, "c": {"S": "old"}},
    {"id": {"N": "4"}, "version": {"N": "10"}},
]


def item(id: int, version: int, **texts: str) -> dict[str, Any]:
    return {"id": {"N": str(id)}, "version": {"N": str(version)}} | {name: {"S": text} for name, text in texts.items()}


AGAIN = item(1, 1, a="again")
EXPECTED: dict[str, tuple[list[dict[str, Any]], dict[str, int]]] = {
    "put": ([AGAIN, item(2, 1, a="x"), item(3, 2, a="y", b="y")], {"written": 4, "superseded": 3, "existed": 0, "calls": 1}),
    "insert_only": ([AGAIN, BEFORE[0], BEFORE[1]], {"written": 4, "superseded": 3, "existed": 3, "calls": 7}),
    "update": ([AGAIN, item(2, 1, a="x", b="old"), item(3, 2, a="y", b="y", c="old")], {"written": 7, "superseded": 0, "existed": 0, "calls": 7}),
    "newer_wins": ([AGAIN, BEFORE[0], item(3, 2, a="y", b="y"), BEFORE[2]], {"written": 5, "superseded": 2, "existed": 2, "calls": 7}),
}


@pytest.mark.parametrize("mode", EXPECTED)
def test_load_with_an_operation_column_does_what_its_mode_says(run: Run, folder: Path, aws: EmbeddedAws, mode: str) -> None:
    """Inserts, updates and deletes in file order, over items that are there; the record of no known operation is rejected; loaded again, nothing changes."""
    (folder / "headrace.yaml").write_text(f"{CONFIG}    mode: {mode}\n" + ("    newer_by: version\n" if mode == "newer_wins" else ""))
    (folder / "a.csv").write_text(ROWS)
    for one in BEFORE:
        client(aws, "dynamodb").put_item(TableName="orders", Item={name: {kind: content} for name, value in one.items() for kind, content in value.items()})
    ran = run("load", "a.csv", "--json")
    assert (ran.code, ran.document["state"]) == (3, "LOADED")
    expected, counts = EXPECTED[mode]
    assert items(aws, "orders") == expected
    assert {name: ran.document[name] for name in counts} == counts
    assert [(one["code"], one["line"], one["message"]) for one in ran.document["reject_reasons"]] == [
        ("OPERATION_UNKNOWN", 7, "column op: found 'X', expected I, U or D (also insert, update, modify, delete, remove)")
    ]
    assert ran.document["write_units"] >= counts["written"] + counts["existed"]
    again = run("load", "a.csv")
    assert items(aws, "orders") == expected
    assert ("takes one call for each item" in again.err) == (mode != "put")
    assert ("were not written: an item of their key was there already" in again.out) == bool(counts["existed"])


def test_load_of_json_lines_without_a_version_rejects_them(run: Run, folder: Path, aws: EmbeddedAws) -> None:
    """The others are written."""
    config = CONFIG.replace("csv", "jsonl").replace("    operation: op\n", "    mode: newer_wins\n    newer_by: version\n")
    (folder / "headrace.yaml").write_text(config)
    (folder / "a.jsonl").write_text('{"id":1,"version":"1e1"}\n{"id":1,"version":9}\n{"id":2,"version":null}\n{"id":3}\n')
    ran = run("load", "a.jsonl", "--json")
    assert items(aws, "orders") == [item(1, 10)]
    assert (ran.document["written"], ran.document["existed"], ran.document["rejected"]) == (1, 1, 2)
    assert [(one["code"], one["line"], one["count"]) for one in ran.document["reject_reasons"]] == [("VERSION_MISSING", 3, 2)]


def test_load_without_its_operation_column_fails_before_anything_is_written(run: Run, folder: Path, aws: EmbeddedAws) -> None:
    """Else every record would be rejected one by one."""
    (folder / "headrace.yaml").write_text(CONFIG)
    (folder / "a.csv").write_text("id,version,a,b\n1,1,,\n")
    ran = run("load", "a.csv")
    assert ran.code == 1
    assert "HEADER_MISSING_COLUMN" in ran.err
    assert "'op', which says the operation" in ran.err
    assert items(aws, "orders") == []


@pytest.mark.parametrize("mode", EXPECTED)
def test_preview_shows_items_and_keys_in_every_mode(run: Run, folder: Path, mode: str) -> None:
    """What would be written, without the conditions around it."""
    (folder / "headrace.yaml").write_text(f"{CONFIG}    mode: {mode}\n" + ("    newer_by: version\n" if mode == "newer_wins" else ""))
    (folder / "a.csv").write_text("op,id,version,a,b\nI,1,5,é,\nD,4,9,,\n")
    ran = run("preview", "a.csv")
    assert (ran.code, ran.items) == (0, [{"Item": item(1, 5, a="é")}, {"Key": {"id": {"N": "4"}}}])


def test_check_shows_how_a_route_writes(run: Run, folder: Path) -> None:
    """The mode, what decides, and where the operation stands."""
    (folder / "headrace.yaml").write_text(f"{CONFIG}    mode: newer_wins\n    newer_by: version\n")
    assert "orders (newer_wins, newer by version, operation in op)" in run("check").out
    (folder / "headrace.yaml").write_text(f"{CONFIG}    mode: newer_wins\n")
    ran = run("check")
    assert ran.code == 2
    assert "routes[0].newer_by" in ran.err
