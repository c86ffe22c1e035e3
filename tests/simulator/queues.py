"""SQS: messages that come again until they are deleted, and too often; and the client that the function has of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from headrace.deploy.template import RECEIVES_MAX, visibility_timeout_s
from simulator.function import ACCOUNT, Gate

if TYPE_CHECKING:
    from simulator.world import World


@dataclass
class Message:
    """A message and what the queue knows of it. ``depth`` counts the hops from the event in S3: what Lambda's recursion limit counts."""

    id: str
    body: str
    depth: int
    receive_count: int = 0
    visible_at: float = 0.0
    is_deleted: bool = False

    def __str__(self) -> str:
        return f"{self.id} ({self.body[:100]})"


class Queue:
    """A queue that feeds the function. Messages are delivered at least once, in any order."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.failed: list[Message] = []
        """Moved away by SQS itself after RECEIVES_MAX receives."""
        self._world = world
        self._timeout_s = visibility_timeout_s(world.config)

    def send(self, body: str, *, depth: int, delay_s: float = 0.0) -> None:
        message = Message(self._world.new_id(self.name), body, depth)
        self._world.watch.sent(message)
        if self._world.faults.hit("sqs.expired"):
            return
        self.show(message, delay_s)

    def show(self, message: Message, delay_s: float) -> None:
        """Make ``message`` visible after a delay."""
        message.visible_at = self._world.timeline.now + delay_s
        self._world.timeline.at(message.visible_at, Delivery(self, message, message.visible_at).offer)

    def ended(self, delivery: Delivery, is_done: bool) -> None:
        """The function answered."""
        if not is_done or delivery.message.is_deleted:
            return
        self._world.watch.deleted(delivery.message)
        if not self._world.faults.hit("sqs.not_deleted"):
            delivery.message.is_deleted = True

    def redrive(self) -> None:
        """Put back what was given up, as new messages (SQS developer guide, sqs-configure-dead-letter-queue-redrive, 2026-11)."""
        failed, self.failed = self.failed, []
        for message in failed:
            self.send(message.body, depth=message.depth)

    def received(self, message: Message) -> None:
        message.receive_count += 1
        self.show(message, self._timeout_s)


@dataclass
class Delivery:
    """A message on its way to the function. ``due`` is when it became visible: if it was shown anew since, this one is void."""

    queue: Queue
    message: Message
    due: float
    is_extra: bool = False

    def offer(self) -> None:
        """Bring it to the function, unless it is deleted or invisible."""
        if self.is_void:
            return
        self.queue._world.functions.offer(self)

    @property
    def is_void(self) -> bool:
        return not self.is_extra and (self.message.is_deleted or self.message.visible_at != self.due)

    def receive(self) -> bool:
        """Take it from the queue; False where there is nothing for the function."""
        message, world = self.message, self.queue._world
        if self.is_void:
            return False
        if message.receive_count >= RECEIVES_MAX:
            message.is_deleted = True
            self.queue.failed.append(message)
            world.tell(self.queue.name, f"gives up {message}")
            return False
        self.queue.received(message)
        if world.faults.hit("sqs.duplicated"):
            again = Delivery(self.queue, message, 0.0, is_extra=True)
            world.timeline.at(world.timeline.now + world.chance.choice((0.0, 0.01, 1.0, 60.0)), again.offer)
        return not world.faults.hit("function.throttled")

    def event(self) -> dict[str, Any]:
        """What the function is invoked with (Lambda developer guide, with-sqs, 2026-11)."""
        record = {
            "messageId": self.message.id,
            "receiptHandle": self.message.id,
            "body": self.message.body,
            "attributes": {"ApproximateReceiveCount": str(self.message.receive_count)},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{self.queue.name}",
        }
        return {"Records": [record]}


class SqsClient:
    """The three calls of botocore's client that the function makes, as one function sees them."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._world = gate.world
        self.meta = type("Meta", (), {"endpoint_url": "https://sqs"})

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        self._gate.enter("sqs.ChangeMessageVisibility")
        self._fail_if("sqs.visibility_failed", "ChangeMessageVisibility")
        delivery = self._gate.delivery
        assert delivery and delivery.message.id == ReceiptHandle
        if not delivery.message.is_deleted:
            delivery.queue.show(delivery.message, VisibilityTimeout)
        self._gate.leave("sqs.ChangeMessageVisibility")

    def send_message(self, *, QueueUrl: str, MessageBody: str, MessageAttributes: Any) -> dict[str, Any]:
        self._gate.enter("sqs.SendMessage")
        self._fail_if("sqs.send_failed", "SendMessage")
        self._take(QueueUrl, MessageBody, MessageAttributes["Reason"]["StringValue"])
        self._gate.leave("sqs.SendMessage")
        self._fail_if("sqs.send_lost", "SendMessage")
        return {"MessageId": "1"}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:
        assert 1 <= len(Entries) <= 10
        self._gate.enter("sqs.SendMessageBatch")
        self._fail_if("sqs.send_failed", "SendMessageBatch")
        taken, refused = Entries, list[dict[str, str]]()
        if self._world.faults.hit("sqs.send_partial"):
            middle = self._world.chance.randrange(len(Entries))
            taken, refused = Entries[:middle], Entries[middle:]
        for entry in taken:
            self._take(QueueUrl, entry["MessageBody"], "")
        self._gate.leave("sqs.SendMessageBatch")
        self._fail_if("sqs.send_lost", "SendMessageBatch")
        return {"Successful": [{"Id": entry["Id"]} for entry in taken], "Failed": [{"Id": entry["Id"]} for entry in refused]}

    def _take(self, url: str, body: str, reason: str) -> None:
        name, delivery = url.rpartition("/")[2], self._gate.delivery
        assert delivery
        if name == self._world.config.failed_queue:
            self._world.given_up.append((body, reason))
            self._world.watch.kept(delivery.message, body)
        elif name in self._world.queues:
            self._world.queues[name].send(body, depth=delivery.message.depth + 1)
        else:
            self._world.watch.violated("I10", f"message to queue {name}")

    def _fail_if(self, kind: str, operation: str) -> None:
        if self._world.faults.hit(kind):
            raise ClientError({"Error": {"Code": "InternalError", "Message": json.dumps(kind)}}, operation)
