"""No loader but a bound: AWS's C client signs and sends one ready-made body again and again over 16 connections."""

import io
import json
import os
import sys
import threading

from awscrt.auth import AwsCredentialsProvider, AwsSignatureType, AwsSigningAlgorithm, AwsSigningConfig, aws_sign_request
from awscrt.http import HttpClientConnection, HttpHeaders, HttpRequest
from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup, InputStream
from flights import BATCH, ENDPOINT, REGION, TABLE, batches, typed_items
from yarl import URL

CONNECTIONS = 16
ADDRESS = URL(ENDPOINT)


class Sender:
    """One connection; each answer starts the next call until none is left."""

    def __init__(self, body: bytes, left: list[None], connection: HttpClientConnection, signing: AwsSigningConfig) -> None:
        self.body, self.left, self.connection, self.signing = body, left, connection, signing
        self.done = threading.Event()
        self.failure = ""

    def send(self) -> None:
        """Sign and send, or end."""
        try:
            self.left.pop()
        except IndexError:
            self.done.set()
            return
        headers = HttpHeaders([("host", ADDRESS.authority), ("content-type", "application/x-amz-json-1.0")])
        headers.add("x-amz-target", "DynamoDB_20120810.BatchWriteItem")
        headers.add("content-length", str(len(self.body)))
        request = HttpRequest("POST", "/", headers, InputStream(io.BytesIO(self.body)))
        aws_sign_request(request, self.signing).add_done_callback(lambda signed: self.start(signed.result()))

    def start(self, request: HttpRequest) -> None:
        """Send the signed request."""
        stream = self.connection.request(request, on_response=self.answered)
        stream.activate()
        stream.completion_future.add_done_callback(lambda _: self.send() if not self.failure else self.done.set())

    def answered(self, http_stream: object, status_code: int, headers: object, **_: object) -> None:
        """Note a failure."""
        if status_code != 200:
            self.failure = f"HTTP {status_code}"


def main(path: str) -> None:
    """Send as many bodies as the file has batches."""
    source = batches(typed_items(path))
    body = json.dumps({"RequestItems": {TABLE: [{"PutRequest": {"Item": item}} for item in next(source)]}}, separators=(",", ":")).encode()
    with open(path, "rb") as lines:  # noqa: PTH123
        records = sum(1 for _ in lines) - 1
    left = [None] * -(-records // BATCH)
    group = EventLoopGroup(1)
    bootstrap = ClientBootstrap(group, DefaultHostResolver(group))
    provider = AwsCredentialsProvider.new_static(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    signing = AwsSigningConfig(AwsSigningAlgorithm.V4, AwsSignatureType.HTTP_REQUEST_HEADERS, provider, REGION, "dynamodb")
    opened = [HttpClientConnection.new(ADDRESS.host, ADDRESS.port, bootstrap) for _ in range(CONNECTIONS)]
    senders = [Sender(body, left, future.result(10), signing) for future in opened]
    for sender in senders:
        sender.send()
    for sender in senders:
        sender.done.wait(120)
    failures = [sender.failure for sender in senders if sender.failure]
    if failures or left:
        raise SystemExit(f"not written: {failures[:1] or len(left)}")


main(sys.argv[1])
