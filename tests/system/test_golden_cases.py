"""The golden cases through the deployed stack, the handler and the command line: everywhere the same items, outcome and rejections."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from golden.cases import FOLDER, Case, case, names, outcome_of, rejection_of, sorted_items
from headrace.config.model import Config, Limits, Source
from headrace.handler import Function
from headrace.ports import SystemClock
from system import command_line
from system.event_bodies import s3_notification
from system.in_process import Context, closing_aws
from system.pipeline import Json, Pipeline, pipeline, require_balance

StackOf = Callable[[Case], Pipeline]


def together(cases: list[Case], limits: Limits) -> Config:
    """One config for cases with the same limits: each has a folder of the bucket and keeps its table."""
    tables = {entry: table for one in cases for entry, table in one.config.tables.items()}
    routes = [replace(one.config.routes[0], name=f"{one.name}-{one.config.routes[0].name}", match=f"{one.name}/**") for one in cases]
    assert len(tables) == sum(len(one.config.tables) for one in cases), "two cases have a table of one name"
    return Config(Source("golden-incoming"), tables, routes, name="golden", limits=limits)


@pytest.fixture(scope="module")
def stack_of() -> Iterator[StackOf]:
    """The deployed stack that a case belongs to; limits hold for a whole stack, so there are as many as there are kinds of limits."""
    with ExitStack() as entered:

        @cache
        def started(limits: Limits) -> Pipeline:
            alike = [one for one in map(case, names()) if one.config.limits == limits]
            return entered.enter_context(pipeline(together(alike, limits), FOLDER))

        yield lambda one: started(one.config.limits)


@pytest.fixture(params=names())
def golden(request: pytest.FixtureRequest) -> Case:
    return case(request.param)


@pytest.fixture
def stack(golden: Case, stack_of: StackOf) -> Iterator[Pipeline]:
    """The case's stack with the case's table as it is before; emptied afterwards."""
    found = stack_of(golden)
    (entry,) = golden.config.tables
    table = golden.config.table_name(entry)
    dynamodb = found.client("dynamodb")
    for item in golden.before:
        dynamodb.put_item(TableName=table, Item=item)
    yield found
    for item in found.items(entry):
        dynamodb.delete_item(TableName=table, Key={name: item[name] for name in golden.config.tables[entry].key})


def require_golden(golden: Case, stack: Pipeline, outcome: Json, rejects: list[Json]) -> None:
    """Outcome, rejections and the whole table are those in the case's folder."""
    (entry,) = golden.config.tables
    require_balance(outcome)
    assert outcome_of(outcome) == golden.outcome
    assert [rejection_of(reject) for reject in rejects] == golden.rejects
    assert sorted_items(map(as_sent, stack.items(entry))) == golden.items


def as_sent(value: Any) -> Any:
    """Binary as base64 text, as DynamoDB sends it; botocore has decoded it."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case dict():
            return {name: as_sent(member) for name, member in value.items()}
        case list():
            return [as_sent(member) for member in value]
    return value


def test_golden_case_when_uploaded_to_the_stack_ends_as_written(golden: Case, stack: Pipeline) -> None:
    """Bucket, event, queue, function, table."""
    load = stack.loaded(f"{golden.name}/uploaded-{golden.input.name}", golden.input.read_bytes())
    require_golden(golden, stack, load, stack.rejects(load))


def test_golden_case_when_given_to_the_handler_ends_as_written(golden: Case, stack: Pipeline) -> None:
    """The handler in this process, with S3's event."""
    bucket, key = f"{stack.bucket}-handled", f"{golden.name}/{golden.input.name}"
    config = replace(stack.config, source=Source(bucket), rejects=replace(stack.config.rejects, bucket=stack.config.rejects_bucket))
    stack.client("s3").create_bucket(Bucket=bucket)  # one without a notification, so that nobody else loads the object
    stack.client("s3").put_object(Bucket=bucket, Key=key, Body=golden.input.read_bytes())
    lines: list[str] = []
    with closing_aws(stack.stack.emulator.credentials) as aws:
        function = Function(config, aws, SystemClock(), lines.append)
        assert function.answer(s3_notification(bucket, key), Context()) == {"batchItemFailures": []}
    (outcome,) = map(json.loads, lines)
    require_golden(golden, stack, outcome, stack.rejects(outcome))


def test_golden_case_when_loaded_from_the_command_line_ends_as_written(golden: Case, stack: Pipeline, tmp_path: Path) -> None:
    """``headrace load`` in a process of its own; it tells by its status that some records were rejected."""
    status, outcome, rejects = command_line.load(stack, str(golden.input), FOLDER / golden.name / "headrace.yaml", tmp_path)
    assert status == (3 if golden.outcome["rejected"] else 0)
    require_golden(golden, stack, outcome, rejects)
