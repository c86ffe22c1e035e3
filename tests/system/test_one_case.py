"""One case with a transform through the handler, the command line and the deployed stack: the same items, the same rejections, the same counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.config.parse import load as load_config
from headrace.handler import Function
from headrace.ports import SystemClock
from system import command_line
from system.event_bodies import s3_notification
from system.in_process import Context, closing_aws
from system.pipeline import Json, Pipeline, pipeline, require_balance

CASE = Path(__file__).parent / "one_case"
KEY = "refunds/2024.csv"
COUNTS = ("state", "read", "written", "rejected", "filtered", "superseded", "unknown", "bytes", "error", "retryable", "route", "table")
EXPECTED: Json = json.loads((CASE / "outcome.json").read_text())


@pytest.fixture(scope="module")
def stack() -> Iterator[Pipeline]:
    with pipeline(load_config(CASE / "headrace.yaml"), CASE) as started:
        yield started


@pytest.fixture(scope="module")
def version(stack: Pipeline) -> str:
    """The version of the object, once the deployed stack has loaded it; its table is emptied after that."""
    return stack.upload(KEY, (CASE / "refunds.csv").read_bytes())


def emptied(stack: Pipeline) -> list[Json]:
    """The items of the table, which is empty afterwards."""
    items = stack.items("refunds")
    for item in items:
        stack.client("dynamodb").delete_item(TableName="refunds", Key={name: item[name] for name in stack.config.tables["refunds"].key})
    return items


def require_case(outcome: Json, items: list[Json], rejects: list[Json]) -> None:
    """The outcome, the items and the rejections are those of the case's folder."""
    require_balance(outcome)
    assert {name: outcome[name] for name in COUNTS} == {name: EXPECTED[name] for name in COUNTS}
    kept = [{name: reject[name] for name in ("code", "line", "byte_offset", "column", "raw")} for reject in rejects]
    assert kept == EXPECTED["rejects"]
    assert sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) == [json.loads(line) for line in (CASE / "items.jsonl").read_text().splitlines()]


def test_case_when_uploaded_to_the_stack_ends_as_expected(stack: Pipeline, version: str) -> None:
    """Bucket, event, queue, function, table."""
    load = stack.load(KEY)
    require_case(load, emptied(stack), stack.rejects(load))


def test_case_when_given_to_the_handler_ends_as_expected(stack: Pipeline, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler's own object in this process, with S3's event."""
    stack.load(KEY)
    emptied(stack)
    stack.forget(KEY)
    monkeypatch.syspath_prepend(str(CASE))
    lines: list[str] = []
    with closing_aws(stack.stack.emulator.credentials) as aws:
        function = Function(stack.config, aws, SystemClock(), lines.append)
        assert function.answer(s3_notification(stack.bucket, KEY, version=version), Context()) == {"batchItemFailures": []}
    (outcome,) = map(json.loads, lines)
    require_case(outcome, emptied(stack), stack.rejects(outcome))


@pytest.mark.parametrize("source", ["s3", "file"])
def test_case_when_loaded_from_the_command_line_ends_as_expected(stack: Pipeline, version: str, source: str, tmp_path: Path) -> None:
    """``headrace load`` in a process of its own; it tells by its status that some records were rejected."""
    stack.load(KEY)
    emptied(stack)
    address = f"s3://{stack.bucket}/{KEY}?versionId={version}" if source == "s3" else str(CASE / "refunds.csv")
    status, outcome, rejects = command_line.load(stack, address, CASE / "headrace.yaml", tmp_path)
    assert status == 3
    require_case(outcome, emptied(stack), rejects)
