"""What a rule of the fault proxy can do to a call."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

from headrace.local.fault_answers import THROTTLES, by_table, error_reply, json_reply
from headrace.local.fault_exchange import Exchange, Reply
from headrace.local.fault_proxy import Action


def answered(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None, *, after: bool = False) -> Action:
    """Answer in the server's place; ``after``: when the server has done the work, so its own reply is lost."""

    def act(exchange: Exchange) -> None:
        if after:
            exchange.forward()
        exchange.tell(f"HTTP {status}{_applied(after)}")
        exchange.answer(Reply(status, list((headers or {}).items()), body))

    return act


def failing(code: str, *, reason: str = "", after: bool = False) -> Action:
    """Answer with the error ``code`` as the service that is called does; ``reason`` is DynamoDB's ThrottlingReason."""

    def act(exchange: Exchange) -> None:
        if after:
            exchange.forward()
        exchange.tell(f"{code}{f' ({reason})' if reason else ''}{_applied(after)}")
        exchange.answer(error_reply(exchange.call, code, reason))

    return act


def cut(*, after: bool = False, reset: bool = False) -> Action:
    """End the connection without an answer, before or ``after`` the server has done the work; ``reset``: with an RST, else a FIN."""

    def act(exchange: Exchange) -> None:
        if after:
            exchange.forward()
        exchange.tell(f"connection {'reset' if reset else 'closed'}{_applied(after)}")
        exchange.cut(reset=reset)

    return act


def cut_body(at: int) -> Action:
    """Send the reply's head and ``at`` bytes of its body, then end the connection with a FIN. A shorter body arrives whole."""

    def act(exchange: Exchange) -> None:
        exchange.tell(f"answer cut after {at:,} bytes")
        exchange.relay(only=at)

    return act


def delayed(seconds: float, then: Action | None = None) -> Action:
    """Wait, then let the call pass, or act on it."""

    def act(exchange: Exchange) -> None:
        exchange.wait(seconds)
        if then:
            then(exchange)
        else:
            exchange.tell(f"delayed by {seconds:g} s")
            exchange.relay()

    return act


def unprocessed(chance: random.Random, share: float = 0.5, *, containing: str = "", reason: str = "") -> Action:
    """For BatchWriteItem: keep each request (``containing`` the text) back with the probability ``share`` and name it in UnprocessedItems.

    The others are forwarded. If there are none, the call is refused as throttled, as on AWS (DynamoDB API reference, BatchWriteItem, 2026-11).
    """

    def act(exchange: Exchange) -> None:
        call: dict[str, Any] = json.loads(exchange.call.body)
        requests = [(table, request) for table, several in call["RequestItems"].items() for request in several]
        back = [_holds(request, containing) and chance.random() < share for _, request in requests]
        if not any(back):
            exchange.relay()
            return
        if all(back):
            failing(THROTTLES[0], reason=reason)(exchange)
            return
        call["RequestItems"] = by_table([request for request, is_back in zip(requests, back, strict=True) if not is_back])
        reply = exchange.forward(json.dumps(call).encode())
        if reply.status == 200:
            answer = json.loads(reply.body)
            left = [(table, request) for table, several in answer.get("UnprocessedItems", {}).items() for request in several]
            answer["UnprocessedItems"] = by_table(left + [request for request, is_back in zip(requests, back, strict=True) if is_back])
            reply = json_reply(200, answer)
        exchange.tell(f"{sum(back)} of {len(requests)} items unprocessed")
        exchange.answer(reply)

    return act


def failed_entries(chance: random.Random, share: float = 0.5, *, containing: str = "") -> Action:
    """For SendMessageBatch in JSON: keep each entry (``containing`` the text) back with the probability ``share`` and name it in Failed."""

    def act(exchange: Exchange) -> None:
        call: dict[str, Any] = json.loads(exchange.call.body)
        entries = call["Entries"]
        back = [entry for entry in entries if _holds(entry, containing) and chance.random() < share]
        call["Entries"] = [entry for entry in entries if entry not in back]
        if not back:
            exchange.relay()
            return
        reply = exchange.forward(json.dumps(call).encode()) if call["Entries"] else json_reply(200, {})
        if reply.status == 200:
            answer = json.loads(reply.body)
            failed = [{"Id": entry["Id"], "SenderFault": False, "Code": "InternalError", "Message": "by rule"} for entry in back]
            answer["Failed"] = [*(answer.get("Failed") or []), *failed]
            reply = json_reply(200, answer)
        exchange.tell(f"{len(back)} of {len(entries)} entries failed")
        exchange.answer(reply)

    return act


def _applied(after: bool) -> str:
    return ", after the work was done" if after else ""


def _holds(part: object, text: str) -> bool:
    """Whether ``text`` is in ``part`` as clients write it: with spaces after ``:`` and ``,`` or without."""
    return text in json.dumps(part, separators=(",", ":"), ensure_ascii=False) or text in json.dumps(part, ensure_ascii=False)
