"""SQS and S3 events run local functions, and what is not answered for comes again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError

from local.local_cloud import LOGS_ONLY, LocalCloud, wait_until

RECEIVE = {"Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], "Resource": "*"}
MESSAGES = ["a", "b", "c"]


VISIBILITY_S = 120
"""Longer than any invocation takes on a busy machine: what is to come again is shown by ``_shown_again``, not by time."""


def _queue(cloud: LocalCloud, name: str) -> tuple[str, str]:
    url = cloud.client("sqs").create_queue(QueueName=name, Attributes={"VisibilityTimeout": str(VISIBILITY_S)})["QueueUrl"]
    return url, cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def _left(cloud: LocalCloud, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def _run_batch(cloud: LocalCloud, body: str) -> tuple[str, str]:
    """The function with ``body`` (lines of the handler) that gets MESSAGES from a new queue with partial answers, and the queue."""
    name = cloud.deploy("import json\nseen = []\ndef handler(event, context):\n" + body, statements=[*LOGS_ONLY, RECEIVE], Timeout=60)
    url, arn = _queue(cloud, f"queue-of-{name}")
    for message in MESSAGES:
        cloud.client("sqs").send_message(QueueUrl=url, MessageBody=message)
    cloud.client("lambda").create_event_source_mapping(
        FunctionName=name, EventSourceArn=arn, BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"], ScalingConfig={"MaximumConcurrency": 2}
    )
    return name, url


SEE = (
    "    print(json.dumps([record['body'] for record in event['Records']]))\n"
    "    print(json.dumps({record['body']: record['receiptHandle'] for record in event['Records']}))\n"
)


def _shown_again(cloud: LocalCloud, name: str, url: str, messages: list[str], found: Callable[[], bool]) -> None:
    """After the first invocation has ended: what a visibility timeout does to these messages, until ``found`` is; once more where a busy machine missed it."""
    wait_until(lambda: cloud.reports(name))
    for is_last in (False, False, True):
        handles = json.loads([text for text in cloud.said(name) if text.startswith("{")][-1])
        for message in messages:
            with suppress(ClientError):  # it is deleted by now
                cloud.client("sqs").change_message_visibility(QueueUrl=url, ReceiptHandle=handles.get(message, ""), VisibilityTimeout=0)
        with suppress(*() if is_last else (AssertionError,)):
            wait_until(found, 40.0)
            return


def _seen(cloud: LocalCloud, name: str) -> Counter[str]:
    return Counter(body for text in cloud.said(name) if text.startswith('["') for body in json.loads(text))


@pytest.mark.parametrize("answer", ["None", "''", "{}", "{'batchItemFailures': None}", "{'batchItemFailures': []}"])
def test_batch_answered_as_done_is_deleted(cloud: LocalCloud, answer: str) -> None:
    """Each form of success that Lambda documents empties the queue after one delivery."""
    name, url = _run_batch(cloud, SEE + f"    return {answer}\n")
    wait_until(lambda: sum(_seen(cloud, name).values()) == 3 and _left(cloud, url) == 0)
    assert _seen(cloud, name) == Counter(MESSAGES)


def test_message_named_as_failed_comes_again_alone(cloud: LocalCloud) -> None:
    """Only what batchItemFailures names is delivered again."""
    again = (
        "    seen.append(1)\n"
        "    again = [record['messageId'] for record in event['Records'] if record['body'] == 'b' and len(seen) < 2]\n"
        "    return {'batchItemFailures': [{'itemIdentifier': one} for one in again]}\n"
    )
    name, url = _run_batch(cloud, SEE + again)
    _shown_again(cloud, name, url, ["b"], lambda: _seen(cloud, name)["b"] > 1 and _left(cloud, url) == 0)
    assert (_seen(cloud, name)["a"], _seen(cloud, name)["c"]) == (1, 1)


@pytest.mark.parametrize(
    "answer",
    [
        "{'batchItemFailures': [{'itemIdentifier': ''}]}",
        "{'batchItemFailures': [{'itemIdentifier': None}]}",
        "{'batchItemFailures': [{'itemId': event['Records'][0]['messageId']}]}",
        "{'batchItemFailures': [{'itemIdentifier': 'no such message'}]}",
        "{'batchItemFailures': 'all'}",
        "'fine'",
    ],
)
def test_batch_answered_wrongly_is_retried_as_a_whole(cloud: LocalCloud, answer: str) -> None:
    """An answer that Lambda cannot use deletes nothing: every message comes again until a good answer."""
    name, url = _run_batch(cloud, SEE + f"    seen.append(1)\n    if len(seen) == 1: return {answer}\n")
    _shown_again(cloud, name, url, MESSAGES, lambda: len(_seen(cloud, name)) == 3 and _left(cloud, url) == 0)
    assert sum(_seen(cloud, name).values()) > 3
    assert [problem for problem in cloud.problems if problem.startswith(f"{name} answered a batch")]


def test_exception_on_a_batch_retries_it(cloud: LocalCloud) -> None:
    """A failed invocation leaves its messages in the queue, and each one is counted in AWS/Lambda, where MiniStack counts none."""
    name, url = _run_batch(cloud, SEE + "    seen.append(1)\n    assert len(seen) > 1\n")
    _shown_again(cloud, name, url, MESSAGES, lambda: _left(cloud, url) == 0 and sum(_seen(cloud, name).values()) >= 4)
    assert [report.status for report in cloud.reports(name)].count("error") == 1
    wait_until(lambda: cloud.metric_sum("AWS/Lambda", "Invocations", "FunctionName", name) == len(cloud.reports(name)))
    assert cloud.metric_sum("AWS/Lambda", "Errors", "FunctionName", name) == 1


def test_object_in_s3_runs_the_function_that_is_notified(cloud: LocalCloud) -> None:
    """S3 invokes a function directly with the object's key."""
    name = cloud.deploy("def handler(event, context):\n    print(event['Records'][0]['s3']['object']['key'])\n")
    arn = cloud.client("lambda").get_function_configuration(FunctionName=name)["FunctionArn"]
    cloud.client("lambda").add_permission(FunctionName=name, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
    cloud.client("s3").create_bucket(Bucket="direct-test")
    cloud.client("s3").put_bucket_notification_configuration(
        Bucket="direct-test", NotificationConfiguration={"LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    )
    cloud.client("s3").put_object(Bucket="direct-test", Key="a b.csv", Body=b"1")
    wait_until(lambda: "a+b.csv" in cloud.said(name))
