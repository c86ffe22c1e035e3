"""The golden cases through ``load_object``: from a file into a table of the embedded AWS, and into one in memory."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from contracts.engines import Engine
from contracts.memory_table import MemoryTable
from golden import cases
from golden.cases import Case
from headrace.load import Ports, load_object
from headrace.ports import ItemStore, ObjectRef, SystemClock
from headrace.read.files import FileStore


class KeptRejects:
    """A RejectSink that keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def store(self, name: str, content: BinaryIO) -> str:
        self.lines = [json.loads(line) for line in content.read().splitlines()]
        return name


def run(case: Case, store: ItemStore) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The outcome and the rejects of loading the case's input into ``store``."""
    rejects = KeptRejects()
    ports = Ports(FileStore(), lambda name: store, rejects, SystemClock())
    outcome = load_object(ObjectRef("", str(case.input)), case.config.routes[0], case.config, ports)
    assert outcome.message == "" or outcome.error
    return cases.outcome_of(outcome.as_json()), [cases.rejection_of(line) for line in rejects.lines]


def check(case: Case, store: ItemStore, items: Callable[[], list[dict[str, Any]]]) -> None:
    outcome, rejects = run(case, store)
    assert rejects == case.rejects
    assert outcome == case.outcome
    assert cases.sorted_items(items()) == case.items


@pytest.mark.parametrize("name", cases.names())
def test_golden_case_on_the_embedded_table(ministack: Engine, name: str) -> None:
    """Items, outcome and rejects are those of the folder; loading the object again changes nothing."""
    case = cases.case(name)
    route = case.config.routes[0]
    table = case.config.table_name(route.table)
    ministack.table(named=table, **case.config.tables[route.table].key)
    try:
        for item in case.before:
            ministack.dynamodb.put_item(TableName=table, Item=item)
        with closing(ministack.aws.table(table, SystemClock())) as store:
            for _ in range(2):
                check(case, store, lambda: [_as_json(item) for item in ministack.dynamodb.scan(TableName=table)["Items"]])
    finally:
        ministack.dynamodb.delete_table(TableName=table)


def _as_json(value: Any) -> Any:
    """What botocore reads as bytes, as the base64 of the wire."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case dict():
            return {name: _as_json(member) for name, member in value.items()}
        case list():
            return [_as_json(member) for member in value]
    return value


@pytest.mark.parametrize("name", cases.names())
def test_golden_case_in_memory(name: str) -> None:
    """The table in memory, with which the other tests work, gives the same."""
    case = cases.case(name)
    route = case.config.routes[0]
    table = MemoryTable(case.config.table_name(route.table), case.config.tables[route.table].key)
    table.apply([("PutRequest", item) for item in case.before], [table.key_of(item) for item in case.before])
    check(case, table, lambda: list(table.stored.values()))
    assert table.violations == []


def test_golden_folder_is_described(tmp_path: Path) -> None:
    """Each case has its files and says what it shows."""
    for name in cases.names():
        folder = cases.FOLDER / name
        assert (folder / "headrace.yaml").read_text().startswith("# ")
        assert {path.name for path in folder.iterdir()} <= {
            "headrace.yaml",
            "before.jsonl",
            "items.jsonl",
            "outcome.json",
            "rejects.jsonl",
            cases.case(name).input.name,
        }
