"""What Lambda makes of a function's answer to a batch of SQS messages."""

from __future__ import annotations

import json
from typing import Any


def sqs_source(event: Any) -> str | None:
    """The ARN of the queue whose messages the event holds, or None for any other event."""
    match event:
        case {"Records": [{"eventSource": "aws:sqs", "eventSourceARN": str(arn)}, *_]}:
            return arn
    return None


def batch_answer_fault(event: Any, answer: bytes) -> str | None:
    """Why the answer (JSON) to an SQS event makes the whole batch fail where partial answers are enabled, or None if it does not.

    The rules are those of https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
    (2026-11-22). MiniStack 1.5.33 deletes the messages instead.
    """
    decoded = json.loads(answer) if answer else None
    if decoded is None or decoded in ("", {}):
        return None
    if not isinstance(decoded, dict):
        return f"the answer is a JSON {type(decoded).__name__}, not an object"
    failures = decoded.get("batchItemFailures")
    if failures is None:
        return None
    if not isinstance(failures, list):
        return "batchItemFailures is not a list"
    message_ids = {record.get("messageId") for record in event["Records"]}
    for position, failure in enumerate(failures):
        if not isinstance(failure, dict) or "itemIdentifier" not in failure:
            return f"batchItemFailures[{position}] has no itemIdentifier"
        identifier = failure["itemIdentifier"]
        if not isinstance(identifier, str) or not identifier or identifier not in message_ids:
            return f"batchItemFailures[{position}].itemIdentifier is not the messageId of a message in the batch"
    return None


def without_null_list(answer: bytes) -> bytes:
    """The same answer in words that MiniStack 1.5.33 understands: of a null batchItemFailures, a full success, it retries the batch."""
    match json.loads(answer) if b'"batchItemFailures"' in answer else None:
        case {"batchItemFailures": None}:
            return b"null"
    return answer
