"""Requests are signed as botocore signs them, byte for byte."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.virtual_clock import VirtualClock
from headrace.aws.signing import CONTENT_TYPE, Credentials, Signer
from headrace.aws.table import Table

visible = st.characters(min_codepoint=33, max_codepoint=126)
tokens = st.text(visible, min_size=1, max_size=40)
credentials_of = st.builds(Credentials, tokens, tokens, st.just("") | tokens)
endpoints = st.sampled_from(
    [
        ("https://dynamodb.eu-central-1.amazonaws.com", "dynamodb.eu-central-1.amazonaws.com"),
        ("https://DynamoDB.eu-central-1.amazonaws.com:443/", "dynamodb.eu-central-1.amazonaws.com"),
        ("http://127.0.0.1:4566", "127.0.0.1:4566"),
        ("http://localhost:80", "localhost"),
        ("https://localhost:80", "localhost:80"),
        ("http://[::1]:8000", "[::1]:8000"),
    ]
)


def by_botocore(endpoint: str, region: str, operation: str, body: bytes, credentials: Credentials) -> dict[str, str]:
    """The headers of the same request, signed by botocore."""
    headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": CONTENT_TYPE}
    request = AWSRequest("POST", endpoint.rstrip("/") + "/", headers=headers, data=body)
    botocore.auth.SigV4Auth(BotocoreCredentials(credentials.access_key, credentials.secret_key, credentials.token or None), "dynamodb", region).add_auth(
        request
    )
    return {name.lower(): value for name, value in request.headers.items()}


def headers_of(request: bytes) -> dict[str, str]:
    head, _, _ = request.partition(b"\r\n\r\n")
    return dict(line.split(":", 1) for line in head.decode("ascii").split("\r\n")[1:])


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets botocore's clock."""

    def set_clock(now: int) -> None:
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: datetime.datetime.fromtimestamp(now, datetime.UTC))

    return set_clock


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_request_is_signed_as_by_botocore(at: Callable[[int], None], data: st.DataObject) -> None:
    """For any body, host with or without a port, credentials with or without a token, at any time; also when the signer is used again."""
    (url, host), region, body = data.draw(endpoints), data.draw(st.sampled_from(["us-east-1", "eu-central-1"])), data.draw(st.binary(max_size=60))
    operation = data.draw(st.sampled_from(["BatchWriteItem", "PutItem"]))
    table = Table("orders", url, region=region, credentials=lambda: credentials, clock=VirtualClock())
    for _ in range(2):
        credentials, now = data.draw(credentials_of), data.draw(st.integers(0, 4 * 10**9))
        at(now)
        request = table._signer.request(operation, body, credentials, now + 0.9)
        assert request.endswith(b"\r\n\r\n" + body)
        headers = headers_of(request)
        assert (headers["host"], headers["content-length"]) == (host, str(len(body)))
        expected = by_botocore(url, region, operation, body, credentials)
        assert headers["authorization"] == expected["authorization"]
        assert headers["x-amz-date"] == expected["x-amz-date"]
        assert headers.get("x-amz-security-token") == expected.get("x-amz-security-token")


def test_signing_key_follows_the_day_and_the_secret(at: Callable[[int], None]) -> None:
    """The key that is kept is that of one day and one secret only."""
    signer, day = Signer("localhost", "us-east-1"), 86_400
    for now, secret in ((0, "a"), (day - 1, "a"), (day, "a"), (day, "b"), (0, "a")):
        at(now)
        credentials = Credentials("AKID", secret, "")
        expected = by_botocore("http://localhost", "us-east-1", "BatchWriteItem", b"{}", credentials)
        assert headers_of(signer.request("BatchWriteItem", b"{}", credentials, now))["authorization"] == expected["authorization"]
