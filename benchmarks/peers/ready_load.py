"""No client but a load: one ready-made, unsigned body over many plain connections for some seconds; prints the calls per second.

Usage: python ready_load.py ENDPOINT CONNECTIONS SECONDS. Shows what a server can answer at most.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from urllib.parse import urlsplit

ITEM = {"pk": {"S": "flight#UA1545"}, "sk": {"S": "2013-01-01T10:00:00Z#EWR"}, "filling": {"S": "x" * 400}}
BODY = json.dumps({"RequestItems": {"flights": [{"PutRequest": {"Item": ITEM}}] * 25}}).encode()


def main(endpoint: str, connections: int, seconds: float) -> None:
    """Send on all connections, then read all answers, again and again."""
    address = urlsplit(endpoint)
    head = f"POST / HTTP/1.1\r\nhost: {address.netloc}\r\nx-amz-target: DynamoDB_20120810.BatchWriteItem\r\ncontent-length: {len(BODY)}\r\n\r\n"
    request = head.encode() + BODY
    opened = [socket.create_connection((address.hostname or "", address.port or 80), 10) for _ in range(connections)]
    calls, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for connection in opened:
            connection.sendall(request)
        for connection in opened:
            if not connection.recv(65_536).endswith(b"{}}"):
                raise SystemExit("an answer came in pieces")
        calls += connections
    print(json.dumps({"calls_s": calls / (time.perf_counter() - started)}))


main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
