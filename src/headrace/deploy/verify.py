"""A first call, before the first file."""

from __future__ import annotations

import json

from headrace.config.model import Config
from headrace.deploy import names, services
from headrace.deploy.names import Clients, Json
from headrace.errors import ServiceError


def verify_function(config: Config, clients: Clients) -> None:
    """Invoke the function with S3's test event in an SQS message; it must answer that no message failed.

    Nothing is read or written by it. Raises ServiceError FUNCTION_BROKEN with what the function answered instead: a function whose code
    cannot start would fail for every event.
    """
    answer = services.call(clients("lambda"), "invoke", FunctionName=config.loader_function, Payload=json.dumps(_event(config)).encode())
    text = answer["Payload"].read().decode("utf-8", "replace")
    if answer.get("FunctionError") or _failures(text) != []:
        message = f"{config.loader_function} does not work: a test event was answered {text[:500]!r}"
        raise ServiceError(
            "FUNCTION_BROKEN", message, service_code=answer.get("FunctionError", ""), hint=f"read the log {names.log_group(config.loader_function)}"
        )


def _failures(text: str) -> object:
    """The list of failed messages in an answer, None if it is not such an answer."""
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed.get("batchItemFailures") if isinstance(parsed, dict) else None


def _event(config: Config) -> Json:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html (2026-11)"""
    test = {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "1970-01-01T00:00:00.000Z",
        "Bucket": config.source.bucket,
        "RequestId": "headrace",
        "HostId": "headrace",
    }
    message = {
        "messageId": "00000000-0000-0000-0000-000000000000",
        "receiptHandle": "headrace",
        "body": json.dumps(test),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0", "SenderId": "headrace", "ApproximateFirstReceiveTimestamp": "0"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{config.events_queue}",
        "awsRegion": "us-east-1",
    }
    return {"Records": [message]}
