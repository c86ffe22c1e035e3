"""The handler against events that nobody should send: malformed, huge, repeated, late. Nothing is acknowledged that was not done."""

from __future__ import annotations

import io
import json
from typing import Any, BinaryIO

import pytest

from contracts.memory_ledger import MemoryLedger
from contracts.virtual_clock import VirtualClock
from headrace.config.model import Config, Source, Table
from headrace.errors import Denied, ObjectError, ServiceError, Throttled
from headrace.handler import Function
from headrace.ports import ObjectRef, ObjectState, OpenedObject, Operation, Reply
from system.configs import plain_route
from system.event_bodies import configuration_test, s3_notification
from system.in_process import Context

BUCKET = "incoming"
ARN = "arn:aws:sqs:us-east-1:111122223333:events"
GOOD = b"id,group,value\n1,a,2\n"
Json = dict[str, Any]


class World:
    """An AWS in memory, in the place of headrace.aws.session.Aws. ``content`` is bytes or an error by key, ``items`` what was put, by id."""

    def __init__(self) -> None:
        self.content: dict[str, bytes | Exception] = {}
        self.items: dict[str, Json] = {}
        self.opened: list[str] = []
        self.visibility: list[tuple[object, str, int]] = []
        self.given_up: list[tuple[str, str, str]] = []
        self.lines: list[Json] = []
        self.sent: list[tuple[str, list[str]]] = []
        self.started: list[int] = []
        self.clock = VirtualClock()
        self.store_of_ledger = MemoryLedger(self.clock)

    def function(self) -> Function:
        config = Config(Source(BUCKET), {"records": Table({"id": "string"})}, [plain_route("records", "records/**")])
        return Function(config, self, self.clock, lambda line: self.lines.append(json.loads(line)))  # type: ignore[arg-type]

    def answer(self, event: object, context: object = None) -> list[str]:
        """The ids of the messages that the handler wants again."""
        answer = self.function().answer(event, context or Context())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def objects(self) -> World:
        return self

    def listing(self, bucket: str) -> World:
        return self

    def state(self, key: str) -> ObjectState:
        opened = self.open(ObjectRef(BUCKET, key), 0)
        return ObjectState(ObjectRef(BUCKET, key, opened.version_id, opened.etag, opened.total_bytes), True)

    def table(self, name: str, clock: object) -> World:
        return self

    def rejects(self, bucket: str) -> World:
        return self

    def ledger(self, table: str, clock: object) -> MemoryLedger:
        return self.store_of_ledger

    def send_messages(self, beside: str, queue: str, bodies: list[str], *, clock: object) -> None:
        self.sent.append((queue, bodies))

    def change_visibility(self, queue_arn: object, receipt_handle: str, seconds: int) -> None:
        assert isinstance(seconds, int)
        if not isinstance(queue_arn, str):
            raise ServiceError("AWS_CALL_FAILED", "no queue")
        self.visibility.append((queue_arn, receipt_handle, seconds))

    def send_message(self, beside: str, queue: str, body: str, *, reason: str) -> None:
        self.given_up.append((queue, body, reason))

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        self.opened.append(ref.key)
        content = self.content.get(ref.key) or ObjectError("OBJECT_MISSING", f"{ref} is missing")
        if isinstance(content, Exception):
            raise content
        return OpenedObject(io.BytesIO(content[offset:]), len(content), "etag", ref.version_id)

    def start(self, operation: Operation, body: bytes) -> int:
        ((_, requests),) = json.loads(body)["RequestItems"].items()
        for request in requests:
            item = request["PutRequest"]["Item"]
            self.items[item["id"]["S"]] = item
        self.started.append(len(self.started))
        return self.started[-1]

    def answers(self, timeout_s: float) -> list[tuple[int, Reply | Exception]]:
        return [(self.started.pop(), Reply())]

    def abandon(self) -> None:
        pass

    def store(self, name: str, content: BinaryIO) -> str:
        return name

    def close(self) -> None:
        pass


@pytest.fixture
def world() -> World:
    return World()


def message(id: str, body: object, **attributes: str) -> Json:
    """One record of an SQS event (Lambda developer guide, with-sqs, 2026-11)."""
    return {
        "messageId": id,
        "receiptHandle": f"handle-{id}",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1"} | attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
    }


def batch(*messages: Json) -> Json:
    return {"Records": list(messages)}


def upload(world: World, name: str, content: bytes | Exception = GOOD) -> Json:
    """The notification of an object that is there, or whose reading ends as ``content`` says."""
    world.content[f"records/{name}"] = content
    return s3_notification(BUCKET, f"records/{name}", version="v1")


def test_batch_when_messages_are_of_every_kind_asks_for_exactly_the_failed_ones(world: World) -> None:
    """Loaded, ignored and refused for good are acknowledged; what cannot succeed or be understood is in the failed queue, with its reason."""
    event = batch(
        message("loaded", upload(world, "good.csv")),
        message("damaged", upload(world, "bad.csv", b"\xff\xfei\x00d\x00")),
        message("missing", s3_notification(BUCKET, "records/missing.csv")),
        message("foreign", s3_notification("theirs", "records/good.csv")),
        message("unrouted", s3_notification(BUCKET, "other/good.csv")),
        message("removed", s3_notification(BUCKET, "records/good.csv", name="ObjectRemoved:Delete")),
        message("nonsense", "}{"),
        message("null", "null"),
        message("number", "1e999"),
        message("surrogate", s3_notification(BUCKET, "records/x") | {"Records": [{"eventSource": "aws:s3", "eventName": "\ud800", "eventVersion": "2.1"}]}),
    )
    assert world.answer(event) == []
    assert list(world.items) == ["1"]
    bodies = {record["messageId"]: record["body"] for record in event["Records"]}
    given_up = ["damaged", "nonsense", "null", "number", "surrogate"]
    assert [(queue, body) for queue, body, _ in world.given_up] == [("headrace-failed", bodies[id]) for id in given_up]
    assert [reason.partition(":")[0] for _, _, reason in world.given_up][:2] == ["ENCODING_UNSUPPORTED", "EVENT_MALFORMED"]
    assert world.visibility == []
    assert [line["note"] for line in world.lines if "note" in line] == ["DELETE_EVENT"], "a removal is visible in the log"


def test_batch_when_an_object_comes_many_times_writes_the_same_item(world: World) -> None:
    """Events are delivered at least once."""
    event = upload(world, "twice.csv")
    assert world.answer(batch(*[message(f"copy-{number}", event) for number in range(20)])) == []
    assert world.items == {"1": {"id": {"S": "1"}, "group": {"S": "a"}, "value": {"N": "2"}}}


def test_batch_when_it_has_ten_thousand_messages_answers_for_each(world: World) -> None:
    """The largest batch that Lambda can be told to make; each message has its own end."""
    kinds = [upload(world, "good.csv"), upload(world, "bad.csv", b"\xff\xfei\x00d\x00"), configuration_test(BUCKET), s3_notification("theirs", "records/a.csv")]
    chosen = [0 if number % 100 == 0 else 1 if number % 1000 == 7 else 2 + number % 2 for number in range(10_000)]
    assert world.answer(batch(*[message(str(number), kinds[kind]) for number, kind in enumerate(chosen)])) == []
    assert (len(world.given_up), chosen.count(1)) == (1, 10)  # the other nine name an object that is FAILED already
    assert len(world.opened) == 2  # each of the two objects once
    assert len([line for line in world.lines if line.get("error") == "FOREIGN_BUCKET"]) == chosen.count(3)


def test_batch_when_time_is_over_opens_nothing_and_acknowledges_nothing(world: World) -> None:
    """A context without remaining time, or a batch whose first message took it all: the rest waits for its next delivery."""
    event = batch(*[message(str(number), upload(world, f"{number}.csv")) for number in range(5)])
    for remaining_ms in (0, -1000):
        assert world.answer(event, Context(remaining_ms)) == ["0", "1", "2", "3", "4"]
    assert (world.items, world.opened) == ({}, [])
    assert {line["error"] for line in world.lines} == {"DEADLINE"}
    assert {seconds for *_, seconds in world.visibility} == {30}


def test_batch_when_one_message_shows_a_defect_loads_its_neighbours(world: World) -> None:
    """Even a mistake of headrace costs one message, which is kept in the failed queue, not the whole batch."""
    event = batch(message("a", upload(world, "a.csv", RuntimeError("a defect"))), message("b", upload(world, "b.csv")))
    assert world.answer(event) == []
    assert [reason for _, _, reason in world.given_up] == ["DEFECT: a defect"]
    assert list(world.items) == ["1"]
    (notice,) = [line for line in world.lines if line["error"] == "DEFECT"]
    assert "RuntimeError: a defect" in notice["message"]


def test_event_when_it_shows_a_defect_outside_of_a_queue_is_kept(world: World) -> None:
    """No: it is FAILED in the ledger and kept in the failed queue, as a message would be. Lambda need not repeat it."""
    assert world.answer(upload(world, "a.csv", RuntimeError("a defect"))) == []
    assert [reason for _, _, reason in world.given_up] == ["DEFECT: a defect"]


@pytest.mark.parametrize(
    ("count", "pause_s"), [("1", 30), ("2", 60), ("3", 120), ("6", 900), ("999999999", 900), ("0", 30), ("-1", 30), ("many", 30), ("٣", 120)]
)
def test_retry_when_the_receive_count_is_anything_waits_between_30_and_900_seconds(world: World, count: str, pause_s: int) -> None:
    """The pause doubles with every receive; an odd count neither hangs the function nor makes a pause that SQS refuses."""
    event = batch(message("a", upload(world, "a.csv", Throttled("THROTTLED", "slow down")), ApproximateReceiveCount=count))
    assert world.answer(event) == ["a"]
    assert [seconds for *_, seconds in world.visibility] == [pause_s]


def test_retry_when_the_records_lack_a_queue_still_answers(world: World) -> None:
    """Without the queue's name the message cannot be delayed; it comes back by its timeout."""
    record = message("a", upload(world, "a.csv", Throttled("THROTTLED", "slow down")))
    del record["eventSourceARN"]
    assert world.answer(batch(record)) == ["a"]
    assert [line["error"] for line in world.lines] == ["THROTTLED", "EVENT_MALFORMED"]


def test_message_when_it_cannot_be_moved_to_the_failed_queue_comes_again(world: World) -> None:
    """A message is acknowledged only where it is kept elsewhere."""
    refusal = Denied("ACCESS_DENIED", "sqs:SendMessage on the failed queue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world, "send_message", lambda *arguments, **named: (_ for _ in ()).throw(refusal))
        assert world.answer(batch(message("a", upload(world, "a.csv", b"\xff\xfei\x00d\x00")))) == ["a"]
    assert [line["error"] for line in world.lines] == ["ENCODING_UNSUPPORTED", "ACCESS_DENIED"]


@pytest.mark.parametrize(
    "error", [Denied("ACCESS_DENIED", "no"), ServiceError("TABLE_MISSING", "no"), Throttled("THROTTLED", "slow down")], ids=lambda error: error.code
)
def test_message_when_the_failure_lies_with_aws_comes_again(world: World, error: ServiceError) -> None:
    """A permission, a table or an outage is mended by somebody: the object waits for it, longer each time."""
    assert world.answer(batch(message("a", upload(world, "a.csv", error)))) == ["a"]
    assert world.given_up == []
    assert len(world.visibility) == 1


def test_message_when_one_of_its_objects_may_succeed_later_waits_for_it(world: World) -> None:
    """One message, two objects: the one that was throttled decides, so that the other's damage does not use up its attempts."""
    throttled = upload(world, "a.csv", Throttled("THROTTLED", "slow down"))["Records"]
    damaged = upload(world, "b.csv", b"\xff\xfei\x00d\x00")["Records"]
    for records in (throttled + damaged, damaged + throttled):
        assert world.answer(batch(message("a", {"Records": records}))) == ["a"]
    assert [seconds for *_, seconds in world.visibility] == [30, 30]


@pytest.mark.parametrize(
    "event",
    [
        None,
        7,
        "text",
        [],
        {},
        {"Records": []},
        {"Records": None},
        {"Records": [None]},
        {"Records": [[]]},
        {"Records": {"a": 1}},
        {"Records": [{"eventSource": 5}]},
    ],
    ids=repr,
)
def test_event_when_of_no_known_shape_fails_the_invocation(world: World, event: object) -> None:
    """An event that is not understood is never answered as done."""
    with pytest.raises(Exception, match="expected an event of S3") as caught:
        world.answer(event)
    assert getattr(caught.value, "code", "") == "EVENT_UNKNOWN"


def test_batch_when_a_record_has_no_id_fails_as_a_whole(world: World) -> None:
    """A failure that cannot be named in the answer must not be left out of it: then all messages come again."""
    nameless = message("a", upload(world, "a.csv"))
    del nameless["messageId"]
    with pytest.raises(Exception, match="without messageId"):
        world.answer(batch(message("b", upload(world, "b.csv")), nameless))


@pytest.mark.parametrize("key", ["records/../../etc/passwd", "records/a\nb", "records/ü%20+ &=?#", "records/" + "k" * 1016, "records//", "records/\u202e"])
def test_object_when_its_key_is_strange_is_opened_under_exactly_that_key(world: World, key: str) -> None:
    """Keys are data: never a path, a pattern or a query, and no way to begin a new log line."""
    world.content[key] = GOOD
    assert world.answer(batch(message("a", s3_notification(BUCKET, key)))) == []
    assert set(world.opened) == {key}
    assert world.lines[0]["object"].startswith(f"{BUCKET}/{key}")
