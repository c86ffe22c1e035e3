"""Requests are told by the operation that they ask for, as AWS's own models have it."""

from __future__ import annotations

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.session import get_session

from headrace.aws.operations import SERVICES, operation_of, operations


class _Sent(Exception):
    """Carries the request that a client was about to send."""


CALLS = [
    ("s3", "get_object", {"Bucket": "b", "Key": "k/a b", "VersionId": "1"}),
    ("s3", "head_object", {"Bucket": "b", "Key": "k"}),
    ("s3", "put_object", {"Bucket": "b", "Key": "k", "Body": b"x"}),
    ("s3", "copy_object", {"Bucket": "b", "Key": "k", "CopySource": "b/c"}),
    ("s3", "upload_part", {"Bucket": "b", "Key": "k", "PartNumber": 1, "UploadId": "u"}),
    ("s3", "create_multipart_upload", {"Bucket": "b", "Key": "k"}),
    ("s3", "complete_multipart_upload", {"Bucket": "b", "Key": "k", "UploadId": "u"}),
    ("s3", "delete_object", {"Bucket": "b", "Key": "k"}),
    ("s3", "delete_objects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}]}}),
    ("s3", "list_objects_v2", {"Bucket": "b"}),
    ("s3", "list_objects", {"Bucket": "b"}),
    ("s3", "list_buckets", {}),
    ("s3", "put_bucket_notification_configuration", {"Bucket": "b", "NotificationConfiguration": {}}),
    ("dynamodb", "batch_write_item", {"RequestItems": {"t": [{"DeleteRequest": {"Key": {}}}]}}),
    ("sqs", "send_message_batch", {"QueueUrl": "http://q/1/2", "Entries": [{"Id": "1", "MessageBody": "x"}]}),
    ("lambda", "invoke", {"FunctionName": "f", "Payload": b"{}"}),
    ("sts", "get_caller_identity", {}),
    ("cloudwatch", "put_metric_data", {"Namespace": "n", "MetricData": []}),
    ("cloudformation", "describe_stacks", {}),
]


@pytest.mark.parametrize(("service", "method", "arguments"), CALLS, ids=[f"{service}:{method}" for service, method, _ in CALLS])
def test_request_of_a_client_is_told_by_its_operation(service: str, method: str, arguments: dict[str, object]) -> None:
    """Whatever the protocol: the name in the client is the name in the rules."""
    config = Config(s3={"addressing_style": "path"})
    client = get_session().create_client(
        service, "us-east-1", endpoint_url="http://127.0.0.1:9", aws_access_key_id="a", aws_secret_access_key="b", config=config
    )

    def stop(request: AWSPreparedRequest, **_: object) -> None:
        raise _Sent(request)

    client.meta.events.register("before-send", stop)
    with pytest.raises(_Sent) as caught:
        getattr(client, method)(**arguments)
    client.close()
    request = caught.value.args[0]
    headers = {name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    body = request.body.encode() if isinstance(request.body, str) else b""
    found = operation_of(request.method, request.url.removeprefix("http://127.0.0.1:9"), headers, body)
    assert found == f"{service}:{client.meta.method_to_api_mapping[method]}"


def test_request_that_cannot_be_told_is_method_and_path() -> None:
    """Without a signature, or of a service that nobody knows."""
    assert operation_of("GET", "/b/a%20b?x=1", {}, b"") == "GET /b/a b"
    unknown = {"authorization": "AWS4-HMAC-SHA256 Credential=a/20261122/us-east-1/nosuchservice/aws4_request, Signature=0"}
    assert operation_of("GET", "/x", unknown, b"") == "GET /x"
    presigned = "/b/k?X-Amz-Credential=a%2F20261122%2Fus-east-1%2Fs3%2Faws4_request"
    assert operation_of("GET", presigned, {}, b"") == "s3:GetObject"


def test_operations_of_each_service_are_known() -> None:
    """What rules are checked against."""
    assert all(operations(service) for service in SERVICES)
    assert "BatchWriteItem" in operations("dynamodb")
