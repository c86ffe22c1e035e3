"""Signature Version 4 for DynamoDB's JSON requests, reduced to what varies from call to call.

Proven against botocore's SigV4Auth by a test. Source: AWS General Reference, "Create a signed AWS API request" (2026-11).
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import NamedTuple

CONTENT_TYPE = "application/x-amz-json-1.0"


class Credentials(NamedTuple):
    """Frozen credentials; ``token`` is empty for long-term keys."""

    access_key: str
    secret_key: str
    token: str


class Signer:
    """Makes whole HTTP requests for one DynamoDB operation on one endpoint. Used by several threads at once: holds only a cache of one day's key."""

    def __init__(self, host: str, region: str, operation: str) -> None:
        self._host = host
        self._region = region
        self._target = f"DynamoDB_20120810.{operation}"
        self._derived: tuple[str, str, bytes] = ("", "", b"")

    def request(self, body: bytes, credentials: Credentials, now: float) -> bytes:
        """The bytes of a signed POST of ``body``; ``now`` is in seconds since the epoch."""
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        token = f"x-amz-security-token:{credentials.token}\n" if credentials.token else ""
        names = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target" if token else "content-type;host;x-amz-date;x-amz-target"
        headers = f"content-type:{CONTENT_TYPE}\nhost:{self._host}\nx-amz-date:{moment}\n{token}x-amz-target:{self._target}\n"
        canonical = f"POST\n/\n\n{headers}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{moment[:8]}/{self._region}/dynamodb/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key(credentials.secret_key, moment[:8]), to_sign.encode(), "sha256").hex()
        authorization = f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        lines = headers.replace("\n", "\r\n")
        return f"POST / HTTP/1.1\r\n{lines}authorization:{authorization}\r\ncontent-length:{len(body)}\r\n\r\n".encode() + body

    def _key(self, secret: str, day: str) -> bytes:
        known_secret, known_day, key = self._derived
        if (known_secret, known_day) != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, "dynamodb", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._derived = (secret, day, key)
        return key
