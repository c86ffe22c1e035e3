"""The queue between bucket and function: what arrives in it, what comes again, and what is given up."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from system.event_bodies import configuration_test, eventbridge_event, in_sns, s3_notification
from system.pipeline import Json, Pipeline, wait_until


def record(id: str, group: str) -> bytes:
    return f"id,group,value\n{id},{group},1\n".encode()


def test_message_when_wrapped_by_sns_or_eventbridge_loads_the_object(queued: Pipeline) -> None:
    """A topic or an event bus between bucket and queue changes nothing; the same version by four ways is loaded once, and says so."""
    key = "records/ways/a b+c/ä%41.csv"
    version = queued.upload(key, record("ways", "ways"))
    queued.load(key, "LOADED")
    for ways, message in enumerate(
        [
            in_sns(s3_notification(queued.bucket, key, version=version)),
            eventbridge_event(queued.bucket, key, version=version),
            in_sns(eventbridge_event(queued.bucket, key, version=version)),
        ]
    ):
        queued.send(message)
        wait_until(lambda count=ways + 1: len(queued.notes("DUPLICATE", "records/ways/")) == count, f"duplicate {ways + 1} of {key}")  # type: ignore[misc]
    assert [load["state"] for load in queued.loads(key)] == ["LOADED"]
    assert [(one.state, one.duplicates) for one in queued.history(key)] == [("LOADED", 3)]
    assert len(queued.items("records", group="ways")) == 1


def test_message_when_it_is_a_test_event_is_acknowledged(queued: Pipeline) -> None:
    """S3 sends one whenever the notification is configured; it is no object and no error."""
    send_until_acknowledged(queued, configuration_test(queued.bucket))
    assert queued.notices("TestEvent") == []
    assert queued.given_up("s3:TestEvent") == []


def test_message_when_of_a_foreign_bucket_is_refused_acknowledged_and_counted(queued: Pipeline) -> None:
    """Nothing in a message chooses what is read (invariant I10); who sends such messages shows in EventsRefused."""
    send_until_acknowledged(queued, s3_notification("somebody-elses-bucket", "records/theirs.csv"))
    (notice,) = wait_until(lambda: queued.notices("somebody-elses-bucket"), "a notice about the foreign bucket")
    assert (notice["error"], notice["EventsRefused"]) == ("FOREIGN_BUCKET", 1)
    assert queued.given_up("somebody-elses-bucket") == []
    assert queued.loads("records/theirs.csv") == []
    wait_until(lambda: metric(queued, "EventsRefused") >= 1, "the metric EventsRefused")


def test_message_when_no_route_takes_the_object_is_acknowledged_and_counted(queued: Pipeline) -> None:
    """An object outside of every route is not an error of the pipeline, but it does not pass unseen."""
    queued.send(s3_notification(queued.bucket, "elsewhere/readme.txt"))
    (notice,) = wait_until(lambda: queued.notices("elsewhere/readme.txt"), "a notice about the object")
    assert notice["error"] == "NO_ROUTE"
    assert queued.given_up("elsewhere/readme.txt") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("not JSON at all", "EVENT_MALFORMED"),
        ("[" * 100_000, "EVENT_MALFORMED"),
        (json.dumps({"hello": "from-another-program"}), "EVENT_UNKNOWN"),
        (json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventVersion": "3.0", "s3": {}}]}), "EVENT_VERSION"),
        (json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventVersion": "2.1"}]}), "EVENT_MALFORMED"),
    ],
    ids=["text", "deep", "unknown", "version", "incomplete"],
)
def test_message_when_not_understood_is_given_up_with_its_reason(queued: Pipeline, body: str, code: str) -> None:
    """It may be an event of a kind not known yet, so it is kept in the failed queue and not thrown away."""
    queued.send(body)
    wait_until(lambda: body in queued.given_up(body[:100]), "the message in the failed queue")
    assert [notice for notice in queued.notices(code) if notice["error"] == code]


def test_batch_when_some_messages_fail_repeats_only_those(queued: Pipeline) -> None:
    """With more than one message per invocation a failed neighbour costs the others nothing; the poison ends in the failed queue."""
    good = [f"records/batch/good-{number}.csv" for number in range(6)]
    poison = [f"records/batch/poison-{number}.csv.gz" for number in range(2)]
    with queued.paused(BatchSize=10):
        for number, key in enumerate(good + poison):
            body = record(f"batch-{number}", "batch") if key in good else b"\x1f\x8b cut"
            queued.upload(key, body)
    for key in poison:
        wait_until(lambda key=key: queued.given_up(key), f"{key} in the failed queue")  # type: ignore[misc]
    with queued.paused(BatchSize=1):
        pass
    loads = [load for load in queued.log.loads if "/batch/" in load["object"]]
    assert Counter(load["state"] for load in loads if "/good-" in load["object"]) == {"LOADED": len(good)}
    assert Counter(load["error"] for load in loads if "/poison-" in load["object"]) == {"GZIP_DAMAGED": len(poison)}, "what cannot succeed is tried once"
    assert max(Counter(load["request_id"] for load in loads).values()) > 1, "no invocation had several messages"
    assert len(queued.items("records", group="batch")) == len(good)


def test_object_when_overwritten_ends_as_its_last_version(queued: Pipeline) -> None:
    """Both versions are seen, each as it was; a record that the second changes has its second value, one that it lacks stays."""
    key = "records/overwritten.csv"
    first = queued.loaded(key, b"id,group,value\nover-1,over,1\nover-2,over,1\n")
    second = queued.loaded(key, b"id,group,value\nover-1,over,2\n")
    assert first["object"] != second["object"]
    assert {item["id"]["S"]: item["value"]["N"] for item in queued.items("records", group="over")} == {"over-1": "2", "over-2": "1"}


def test_object_when_overwritten_before_it_is_read_ends_as_its_last_version(queued: Pipeline) -> None:
    """Whichever event comes first: the second version is loaded, the first before it or not at all, and never after it (fault 2)."""
    key = "records/overwritten-early.csv"
    with queued.paused():
        versions = [queued.upload(key, f"id,group,value\nearly-{number},early,1\n".encode()) for number in range(2)]
    wait_until(lambda: len(queued.history(key)) == 2 and all(one.is_final for one in queued.history(key)), "both versions ended")
    states = {one.version_id: one.state for one in queued.history(key)}
    assert (states[versions[1]], states[versions[0]] in ("LOADED", "SUPERSEDED")) == ("LOADED", True)
    assert queued.loads(key)[-1]["object"] == f"{queued.bucket}/{key}@{versions[1]}"
    items = {item["id"]["S"] for item in queued.items("records", group="early")}
    assert "early-1" in items  # of a first version that was overtaken while it was being loaded, items may be there
    assert "early-0" in items or states[versions[0]] == "SUPERSEDED"


def test_object_when_its_version_is_deleted_before_it_is_read_is_missing(queued: Pipeline) -> None:
    """Nobody can load it any more: the event is acknowledged, and the ledger says MISSING; nothing stands in the failed queue."""
    key = "records/deleted.csv"
    with queued.paused():
        version = queued.upload(key, record("deleted", "deleted"))
        queued.client("s3").delete_object(Bucket=queued.bucket, Key=key, VersionId=version)
    load = queued.load(key, "FAILED")
    assert (load["error"], load["retryable"], load["read"]) == ("OBJECT_MISSING", False, 0)
    assert f"{queued.bucket}/{key}@{version}" in load["message"]
    wait_until(lambda: [(one.state, one.code) for one in queued.history(key)] == [("MISSING", "OBJECT_MISSING")], "MISSING in the ledger")
    assert queued.given_up(key) == []


def test_object_when_only_hidden_by_a_delete_marker_is_loaded(queued: Pipeline) -> None:
    """The version that the event names is still there."""
    key = "records/hidden.csv"
    with queued.paused():
        queued.upload(key, record("hidden", "hidden"))
        queued.client("s3").delete_object(Bucket=queued.bucket, Key=key)
    assert queued.load(key)["state"] == "LOADED"


def waiting(pipeline: Pipeline) -> int:
    """Messages in the events queue, delivered ones that are not acknowledged yet among them."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = pipeline.client("sqs").get_queue_attributes(QueueUrl=pipeline.queue_url(), AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def send_until_acknowledged(pipeline: Pipeline, message: Json) -> None:
    """Send ``message`` and wait until the queue holds no more than before."""
    before = waiting(pipeline)
    pipeline.send(message)
    wait_until(lambda: waiting(pipeline) <= before, "the message acknowledged")


def metric(pipeline: Pipeline, name: str) -> float:
    """The sum of a metric of the stack since the test began, as CloudWatch has it."""
    found = pipeline.client("cloudwatch").get_metric_statistics(
        Namespace="headrace",
        MetricName=name,
        Dimensions=[{"Name": "Stack", "Value": pipeline.config.name}],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=86_400,
        Statistics=["Sum"],
    )
    return sum(float(point["Sum"]) for point in found["Datapoints"])
