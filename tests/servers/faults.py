"""What a rule of the fault proxy can do to a call."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Mapping
from typing import Any

from servers.proxy import Action, Exchange, Reply

THROTTLES = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "InternalServerError")
"""The exceptions with which DynamoDB asks a client to come again (DynamoDB developer guide, Programming.Errors, 2026-11)."""


def answered(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None, *, after: bool = False) -> Action:
    """Answer in the server's place; ``after``: when the server has done the work, so its own reply is lost."""

    def act(exchange: Exchange) -> None:
        if after:
            exchange.forward()
        exchange.answer(Reply(status, list((headers or {}).items()), body))

    return act


def throttled(code: str = THROTTLES[0], *, reasons: list[dict[str, str]] | None = None, after: bool = False) -> Action:
    """Answer with DynamoDB's exception ``code``: HTTP 500 for InternalServerError, else 400. ``reasons`` are its ThrottlingReasons."""
    space = "com.amazon.coral.availability" if code == "ThrottlingException" else "com.amazonaws.dynamodb.v20120810"
    body = {"__type": f"{space}#{code}", "message": f"{code} by rule"} | ({"ThrottlingReasons": reasons} if reasons else {})
    reply = _json_reply(500 if code == "InternalServerError" else 400, body)
    return answered(reply.status, reply.body, dict(reply.headers), after=after)


def cut(*, after: bool = False, reset: bool = False) -> Action:
    """End the connection without an answer, before or ``after`` the server has done the work; ``reset``: with an RST, else a FIN."""

    def act(exchange: Exchange) -> None:
        if after:
            exchange.forward()
        exchange.cut(reset=reset)

    return act


def cut_body(at: int) -> Action:
    """Send the reply's head and ``at`` bytes of its body, then end the connection with a FIN. A shorter body arrives whole."""
    return lambda exchange: exchange.answer(exchange.forward(), only=at)


def delayed(seconds: float) -> Action:
    """Wait, then let the call pass."""

    def act(exchange: Exchange) -> None:
        exchange.wait(seconds)
        exchange.answer(exchange.forward())

    return act


def unprocessed(chance: random.Random, share: float = 0.5) -> Action:
    """For BatchWriteItem: keep each request back with the probability ``share`` and name it in UnprocessedItems; forward the others.

    At least one is forwarded, as on AWS, which answers with an exception if it can take none (DynamoDB API reference,
    BatchWriteItem, 2026-11). The body changes, so a server that checks signatures refuses it.
    """

    def act(exchange: Exchange) -> None:
        call: dict[str, Any] = json.loads(exchange.call.body)
        requests = [(table, request) for table, several in call["RequestItems"].items() for request in several]
        forwarded = chance.randrange(len(requests))
        back = [at != forwarded and chance.random() < share for at in range(len(requests))]
        call["RequestItems"] = _by_table([request for request, is_back in zip(requests, back, strict=True) if not is_back])
        reply = exchange.forward(json.dumps(call).encode())
        if reply.status == 200:
            answer = json.loads(reply.body)
            left = [(table, request) for table, several in answer.get("UnprocessedItems", {}).items() for request in several]
            answer["UnprocessedItems"] = _by_table(left + [request for request, is_back in zip(requests, back, strict=True) if is_back])
            reply = _json_reply(200, answer)
        exchange.answer(reply)

    return act


def _by_table(requests: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    tables: dict[str, list[Any]] = {}
    for table, request in requests:
        tables.setdefault(table, []).append(request)
    return tables


def _json_reply(status: int, body: object) -> Reply:
    """As DynamoDB answers, with the checksum that clients verify."""
    content = json.dumps(body).encode()
    return Reply(status, [("Content-Type", "application/x-amz-json-1.0"), ("x-amz-crc32", str(zlib.crc32(content)))], content)
