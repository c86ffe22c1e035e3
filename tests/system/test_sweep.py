"""The sweeper on the embedded AWS: what no event told of is found and loaded, by the deployed function and in this process."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from headrace.account.sweep_report import Swept
from headrace.aws.bucket import S3Listing
from headrace.aws.session import Aws
from headrace.handler import queues_of
from headrace.ledger.ledger import Ledger
from headrace.ledger.upkeep import Upkeep
from headrace.local.stack import LocalStack
from headrace.ports import Page, SystemClock
from headrace.sweep_handler import Invocations, Queues
from headrace.sweeper import AGE_S_MIN, Sources, Sweeper
from system.pipeline import Json, Pipeline, wait_until

LATER_S = AGE_S_MIN + 60


class LaterListing(S3Listing):
    """The bucket as it will be listed in a quarter of an hour: nothing can make objects of the emulator old."""

    def page(self, prefix: str, after: str) -> Page:
        return super().page(prefix, after)._replace(now=time.time() + LATER_S)


@contextmanager
def without_events(pipeline: Pipeline) -> Iterator[None]:
    """Uploads in this block are announced to nobody."""
    s3 = pipeline.client("s3")
    kept = s3.get_bucket_notification_configuration(Bucket=pipeline.bucket)
    kept.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=pipeline.bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=pipeline.bucket, NotificationConfiguration=kept)


def role_aws(stack: LocalStack) -> Aws:
    """The clients of the sweeper's own role: what it may not do, fails."""
    arn = stack.clients("lambda").get_function_configuration(FunctionName=stack.config.sweeper_function)["Role"]
    session = stack.clients("sts").assume_role(RoleArn=arn, RoleSessionName="sweep")["Credentials"]
    names = {"AWS_ACCESS_KEY_ID": "AccessKeyId", "AWS_SECRET_ACCESS_KEY": "SecretAccessKey", "AWS_SESSION_TOKEN": "SessionToken"}
    return Aws(endpoint_url=stack.endpoint_url, region="us-east-1", credentials={variable: session[name] for variable, name in names.items()})


def swept(pipeline: Pipeline) -> Swept:
    """A run in this process, with the sweeper's role, of the whole bucket as it will be later."""
    aws, config, clock = role_aws(pipeline.stack), pipeline.config, SystemClock()
    store = aws.ledger(config.ledger_table, clock)
    arn = pipeline.client("lambda").get_function_configuration(FunctionName=pipeline.function)["FunctionArn"]
    messages = Queues(aws, queues_of(arn), config, clock) if config.source.trigger == "sqs" else Invocations(aws, arn)
    told: list[Swept] = []
    listing = LaterListing(aws.client("s3"), config.source.bucket)
    Sweeper(config, Sources(listing, Ledger(store), Upkeep(store), messages, clock)).run(clock.monotonic() + 60, told.append)
    return told[-1]


def body(group: str, number: int) -> bytes:
    return f"id,group,value\n{group}-{number},{group},{number}\n".encode()


@pytest.fixture(params=["queued", "direct"])
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    started: Pipeline = request.getfixturevalue(request.param)
    return started


def test_sweep_after_a_tenth_of_the_events_was_lost_brings_the_table_to_the_bucket(pipeline: Pipeline) -> None:
    """Fault 4, invariant I3. One of the lost is a new version of an object that is loaded."""
    dice, keys = random.Random(10), [f"records/swept/{number:02} ä+.csv" for number in range(30)]
    lost = set(dice.sample(range(30), 3))
    known, *others = [number for number in range(30) if number not in lost]
    for number in (known, *others):
        pipeline.loaded(keys[number], body("swept", number))
    with without_events(pipeline):
        for number in sorted(lost):
            pipeline.upload(keys[number], body("swept", number))
        version = pipeline.upload(keys[known], body("swept", 1000))
    assert len(pipeline.items("records", group="swept")) == 27
    found = swept(pipeline)
    assert found.found >= 4
    wait_until(lambda: len(pipeline.items("records", group="swept")) == 31, "the items of the objects that were found")
    for number in lost:
        assert [(one.state, one.found_by) for one in wait_ended(pipeline, keys[number])] == [("LOADED", "sweep")]
    assert [(one.version_id, one.state) for one in wait_ended(pipeline, keys[known]) if one.found_by == "sweep"] == [(version, "LOADED")]
    again = [one.found_by for key in keys for one in pipeline.history(key)].count("sweep")
    swept(pipeline)
    assert [one.found_by for key in keys for one in pipeline.history(key)].count("sweep") == again


def wait_ended(pipeline: Pipeline, key: str) -> list[Any]:
    return wait_until(lambda: (found := pipeline.history(key)) and all(one.is_final for one in found) and found, f"the end of {key}")


def test_deployed_sweeper_when_it_runs_tells_what_it_did(pipeline: Pipeline) -> None:
    """The second function of the zip, under its own role, into its own log. Young objects it leaves to their events."""
    pipeline.loaded("records/young.csv", body("young", 1))
    answer = pipeline.client("lambda").invoke(FunctionName=pipeline.config.sweeper_function, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    line = wait_until(lambda: sweep_lines(pipeline), "the line of the run")[-1]
    assert (line["sweep"]["error"], line["sweep"]["is_pass_over"], line["ObjectsFoundBySweep"]) == ("", True, 0)
    assert line["ObjectsListed"] >= 1


def sweep_lines(pipeline: Pipeline) -> list[Json]:
    return [json.loads(line) for line in pipeline.log.lines if line.startswith("{") and '"sweep":' in line]


def test_rule_when_it_fires_runs_the_sweeper(queued: Pipeline) -> None:
    """The embedded AWS runs schedules too, so `headrace dev` sweeps every 15 minutes like AWS; here the rule is set to each minute."""
    events, before = queued.client("events"), len(sweep_lines(queued))
    rule = f"{queued.config.name}-sweep"
    described = events.describe_rule(Name=rule)
    assert (described["ScheduleExpression"], described["State"]) == ("rate(15 minutes)", "ENABLED")
    events.put_rule(Name=rule, ScheduleExpression="rate(1 minute)", State="ENABLED")
    try:
        wait_until(lambda: len(sweep_lines(queued)) > before, "a run by the rule", seconds=120)
    finally:
        events.put_rule(Name=rule, ScheduleExpression="rate(15 minutes)", State="ENABLED")
