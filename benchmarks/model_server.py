"""A DynamoDB endpoint that takes everything: it reads each call, can count what is in it, and can answer as late as DynamoDB does.

Usage: python model_server.py [--check] [--delay-ms MIN MAX] [--seed N]. It listens on a free port of 127.0.0.1 and prints its address.
GET /counts answers with what was counted since the last time, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import time
import zlib
from decimal import Decimal
from functools import partial
from typing import Any

TABLE = "flights"
TAKEN = b'{"UnprocessedItems":{}}'
DESCRIPTION = json.dumps(
    {
        "Table": {
            "TableName": TABLE,
            "TableStatus": "ACTIVE",
            "TableArn": f"arn:aws:dynamodb:us-east-1:000000000000:table/{TABLE}",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
            "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
            "ItemCount": 0,
            "TableSizeBytes": 0,
        }
    },
    separators=(",", ":"),
).encode()


def response(body: bytes) -> bytes:
    """An HTTP answer with the checksum that DynamoDB sends and clients verify."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\nx-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
    return head.encode() + body


TAKEN_RESPONSE, DESCRIPTION_RESPONSE = response(TAKEN), response(DESCRIPTION)


class Counts:
    """What arrived since the last ``take``."""

    def __init__(self, *, is_checking: bool) -> None:
        self._is_checking = is_checking
        self._clear()

    def _clear(self) -> None:
        self.calls = self.wire_bytes = self.items = self._digest = self.in_flight = self.in_flight_max = 0
        self.held_s = 0.0
        self._keys: set[tuple[str, str]] = set()

    def add(self, head: bytes, body: bytes) -> None:
        """Count one BatchWriteItem."""
        self.calls += 1
        self.wire_bytes += len(head) + len(body)
        if self._is_checking:
            for requests in json.loads(body)["RequestItems"].values():
                for request in requests:
                    self._look(request["PutRequest"]["Item"])

    def _look(self, item: dict[str, dict[str, Any]]) -> None:
        """Count an item, its key and its content; numbers that are equal count as equal, and order does not matter."""
        self.items += 1
        self._keys.add((item["pk"]["S"], item["sk"]["S"]))
        content = sorted(
            (name, kind, str(Decimal(value).normalize()) if kind == "N" else value) for name, typed in item.items() for kind, value in typed.items()
        )
        self._digest += int.from_bytes(hashlib.sha256(repr(content).encode()).digest()[:8])

    def take(self) -> dict[str, Any]:
        """Everything as JSON, from zero again afterwards. ``held_ms`` is the mean time between a call's last byte and its answer."""
        counted = {
            "calls": self.calls,
            "wire_bytes": self.wire_bytes,
            "items": self.items,
            "keys": len(self._keys),
            "digest": f"{self._digest % 2**64:016x}",
            "in_flight_max": self.in_flight_max,
            "held_ms": round(1000 * self.held_s / max(self.calls, 1), 3),
        }
        self._clear()
        return counted


class Connection(asyncio.Protocol):
    """One keep-alive connection; one call at a time on it, as HTTP/1.1 clients do."""

    def __init__(self, counts: Counts, delay_s: partial[float] | None) -> None:
        self._counts = counts
        self._delay_s = delay_s
        self._data = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio says that a client has come."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Asyncio brings bytes: answer each call that is whole."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n") + 4) > 3:
            head = bytes(self._data[:end]).lower()
            at = head.find(b"\r\ncontent-length:")
            length = int(head[at + 17 : head.index(b"\r\n", at + 2)]) if at >= 0 else 0
            if len(self._data) < end + length:
                return
            body = bytes(self._data[end : end + length])
            del self._data[: end + length]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if b"dynamodb_20120810.batchwriteitem" not in head:
            self._transport.write(response(json.dumps(self._counts.take()).encode()) if head.startswith(b"get /counts ") else DESCRIPTION_RESPONSE)
            return
        self._counts.add(head, body)
        if self._delay_s is None:
            self._transport.write(TAKEN_RESPONSE)
            return
        self._counts.in_flight += 1
        self._counts.in_flight_max = max(self._counts.in_flight_max, self._counts.in_flight)
        asyncio.get_running_loop().call_later(self._delay_s(), self._late, time.monotonic())

    def _late(self, arrived_at: float) -> None:
        self._counts.in_flight -= 1
        self._counts.held_s += time.monotonic() - arrived_at
        if not self._transport.is_closing():
            self._transport.write(TAKEN_RESPONSE)


async def serve(*, is_checking: bool, delay_ms: tuple[float, float] | None, seed: int) -> None:
    """Serve until the process is ended."""
    counts = Counts(is_checking=is_checking)
    delay_s = partial(random.Random(seed).uniform, delay_ms[0] / 1000, delay_ms[1] / 1000) if delay_ms else None
    server = await asyncio.get_running_loop().create_server(lambda: Connection(counts, delay_s), "127.0.0.1", 0)
    print(f"listening at http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A DynamoDB endpoint that takes everything")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--delay-ms", nargs=2, type=float)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(serve(is_checking=given.check, delay_ms=tuple(given.delay_ms) if given.delay_ms else None, seed=given.seed))
