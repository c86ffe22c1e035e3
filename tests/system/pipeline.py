"""A deployed stack on the embedded AWS, and what the tests do to it and ask of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from headrace.aws.ledger_store import DynamoLedgerStore
from headrace.config.model import Config
from headrace.ledger.entries import Generation
from headrace.ledger.ledger import Ledger
from headrace.local.stack import LocalStack
from headrace.ports import SystemClock

T = TypeVar("T")
Json = dict[str, Any]
WAIT_S_MAX = 240.0
POLL_S = 0.05


def wait_until(found: Callable[[], T], what: str, seconds: float = WAIT_S_MAX) -> T:
    """What ``found`` returns as soon as it is truthy; AssertionError naming ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(POLL_S)
    return value


class Log:
    """The function's log as it comes; ``take`` is called from several threads, of which each append is safe."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.loads: list[Json] = []

    def take(self, _function: str, _request_id: str, text: str) -> None:
        """Take one log event."""
        self.lines.append(text)
        if text.startswith("{") and '"state"' in text:
            self.loads.append(json.loads(text))


class Pipeline:
    """``problems`` are the sentences of the function host, ``log`` is what the function has logged."""

    def __init__(self, stack: LocalStack, log: Log, problems: list[str]) -> None:
        self.stack = stack
        self.config = stack.config
        self.log = log
        self.problems = problems
        self.bucket = stack.config.source.bucket
        self.function = stack.config.loader_function
        self._given_up: list[str] = []

    def client(self, service: str) -> Any:
        """The root user's client."""
        return self.stack.clients(service)

    def upload(self, key: str, body: bytes) -> str:
        """The version id of the object that was uploaded."""
        version: str = self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body).get("VersionId", "null")
        return version

    def loads(self, key: str) -> list[Json]:
        """The reports of all loads of ``key`` so far, oldest first."""
        start = f"{self.bucket}/{key}"
        return [load for load in self.log.loads if load["object"] == start or load["object"].startswith(f"{start}@")]

    def load(self, key: str, state: str = "") -> Json:
        """The last report of a load of ``key``, waited for; with ``state``, the first that ended in that state."""

        def found() -> list[Json]:
            return [load for load in self.loads(key) if not state or load["state"] == state]

        wait_until(found, f"{state or 'a'} load of {key}; so far {self.loads(key)}")
        load = found()[0] if state else found()[-1]
        require_balance(load)
        return load

    def loaded(self, key: str, body: bytes) -> Json:
        """Upload ``body`` and wait until it is loaded."""
        version = self.upload(key, body)

        def found() -> list[Json]:
            return [load for load in self.loads(key) if load["state"] == "LOADED" and load["object"].endswith(version)]

        load = wait_until(found, f"{key} loaded; so far {self.loads(key)}")[0]
        require_balance(load)
        return load

    def notices(self, text: str) -> list[Json]:
        """Log entries of events that were refused, and of failures beside a load, whose message or code holds ``text``."""
        return [json.loads(line) for line in self.log.lines if '"EventsRefused"' in line and text in line]

    def lines(self, text: str) -> list[str]:
        """The function's log lines that hold ``text``."""
        return [line for line in self.log.lines if text in line]

    def items(self, table: str, **attributes: str) -> list[Json]:
        """Every item of the table under the config's entry ``table``, as DynamoDB JSON; only those with these string attributes."""
        names = {f"#{number}": name for number, name in enumerate(attributes)}
        values = {f":{number}": {"S": value} for number, value in enumerate(attributes.values())}
        condition = " AND ".join(f"#{number} = :{number}" for number in range(len(attributes)))
        only: Json = {"FilterExpression": condition, "ExpressionAttributeNames": names, "ExpressionAttributeValues": values} if attributes else {}
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.config.table_name(table), ConsistentRead=True, **only)
        return [item for page in pages for item in page["Items"]]

    def rejects(self, load: Mapping[str, Any]) -> list[Json]:
        """The records that a load rejected, as they were kept."""
        if not load["rejects"]:
            return []
        bucket, _, key = load["rejects"].removeprefix("s3://").partition("/")
        body = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return [json.loads(line) for line in body.splitlines()]

    @property
    def ledger(self) -> Ledger:
        """The stack's ledger, as the root user."""
        return Ledger(DynamoLedgerStore(self.client("dynamodb"), self.config.ledger_table, SystemClock()))

    def history(self, key: str) -> list[Generation]:
        """What the ledger says of all versions of ``key``, the last received first."""
        return list(self.ledger.of_object(self.bucket, key))

    def forget(self, key: str) -> None:
        """Take all that is said of ``key`` out of the ledger, so that an event of it is new."""
        wait_until(lambda: all(one.is_final for one in self.history(key)), f"the end of {key} in the ledger")
        partitions = [f"o#{self.bucket}/{key}", *(f"g#{one.id}" for one in self.history(key))]
        dynamodb, table = self.client("dynamodb"), self.config.ledger_table
        for pk in partitions:
            found = dynamodb.query(TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": pk}})
            for item in found["Items"]:
                dynamodb.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})

    def notes(self, code: str, text: str) -> list[Json]:
        """The function's notes of this kind whose message holds ``text``."""
        return [json.loads(line) for line in self.log.lines if f'"note":"{code}"' in line and text in line]

    def queue_url(self, name: str = "QueueUrl") -> str:
        """The URL of the queue in the output ``name``: QueueUrl or FailedQueueUrl."""
        return self.stack.deployment.outputs[name]

    def send(self, message: object) -> str:
        """Put a message into the events queue by hand; its id."""
        body = message if isinstance(message, str) else json.dumps(message)
        message_id: str = self.client("sqs").send_message(QueueUrl=self.queue_url(), MessageBody=body)["MessageId"]
        return message_id

    def given_up(self, text: str) -> list[str]:
        """The bodies of the messages with ``text`` that have reached the failed queue since the start."""
        sqs, url = self.client("sqs"), self.queue_url("FailedQueueUrl")
        while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in received:
                self._given_up.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [body for body in self._given_up if text in body]

    def redrive(self, text: str) -> None:
        """Send the given-up messages with ``text`` once more, as an operator does after the cause is gone."""
        for body in self.given_up(text):
            self._given_up.remove(body)
            event = json.loads(body)
            if "requestPayload" in event:  # what an asynchronous invocation leaves behind has the event inside
                payload = json.dumps(event["requestPayload"]).encode()
                self.client("lambda").invoke(FunctionName=self.function, InvocationType="Event", Payload=payload)
            else:
                self.send(body)

    def loaded_in_the_end(self, key: str) -> Json:
        """Wait until ``key`` is loaded, redriving what was given up."""

        def found() -> list[Json]:
            self.redrive(key)
            return [load for load in self.loads(key) if load["state"] == "LOADED"]

        return wait_until(found, f"{key} loaded in the end; so far {self.loads(key)}")[-1]

    def update_function(self, **settings: Any) -> None:
        """Change the function's configuration; its warm processes are replaced."""
        self.client("lambda").update_function_configuration(FunctionName=self.function, **settings)

    @contextmanager
    def paused(self, **settings: Any) -> Iterator[None]:
        """No message is delivered during the block; after it the event sources have these settings."""
        mappings = self.client("lambda").list_event_source_mappings(FunctionName=self.function)["EventSourceMappings"]
        for mapping in mappings:
            self.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            yield
        finally:
            for mapping in mappings:
                self.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=True, **settings)

    @contextmanager
    def visibility(self, seconds: int) -> Iterator[None]:
        """Messages received during the block come again after so many seconds, unless they are deleted."""
        self._set_visibility(seconds)
        try:
            yield
        finally:
            self._set_visibility(6 * self.config.function.timeout_s)

    @contextmanager
    def receives(self, most: int) -> Iterator[None]:
        """Messages received so often during the block without an answer go to the failed queue."""
        queue = self.queue_url()
        policy = self.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
        self.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(json.loads(policy) | {"maxReceiveCount": most})})
        try:
            yield
        finally:
            self.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})

    def _set_visibility(self, seconds: int) -> None:
        self.client("sqs").set_queue_attributes(QueueUrl=self.queue_url(), Attributes={"VisibilityTimeout": str(seconds)})


def require_balance(load: Mapping[str, Any]) -> None:
    """The equation of the README; a failed load says how many records have no end yet."""
    ended = load["written"] + load["rejected"] + load["filtered"] + load["superseded"]
    assert load["read"] == ended + load["unknown"], load
    assert load["unknown"] == 0 or load["state"] == "FAILED", load


@contextmanager
def pipeline(config: Config, project: Path) -> Iterator[Pipeline]:
    """Deploy ``config`` on an embedded AWS for the length of the block."""
    log, problems = Log(), list[str]()
    with LocalStack(config, project, on_log=log.take, on_problem=problems.append) as stack:
        yield Pipeline(stack, log, problems)
