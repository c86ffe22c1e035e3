"""Signature Version 4 for DynamoDB's JSON requests, reduced to what varies from call to call.

Proven against botocore's SigV4Auth by a test. Source: AWS General Reference, "Create a signed AWS API request" (2026-11).
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from typing import NamedTuple

CONTENT_TYPE = "application/x-amz-json-1.0"


class Credentials(NamedTuple):
    """Frozen credentials; ``token`` is empty for long-term keys."""

    access_key: str
    secret_key: str
    token: str


class _Moment(NamedTuple):
    """What all requests of one second have in common."""

    at: int  # seconds since the epoch
    credentials: Credentials
    headers: str  # all but the target's name, in the canonical form
    lines: str  # the same as HTTP writes them
    names: str
    scope: str
    to_sign: str  # up to the hash of the canonical request
    mac: hmac.HMAC  # with the key of the day; its copies take half the time of a new one


class Signer:
    """Makes whole HTTP requests for DynamoDB on one endpoint; remembers what the requests of a second share, which is half of the work."""

    def __init__(self, host: str, region: str) -> None:
        self._host = host
        self._region = region
        self._moment: _Moment | None = None

    def request(self, operation: str, body: bytes, credentials: Credentials, now: float) -> bytes:
        """The bytes of a signed POST of ``body``; ``now`` is in seconds since the epoch."""
        moment = self._moment
        if moment is None or moment.at != int(now) or moment.credentials != credentials:
            moment = self._moment = self._begun(credentials, int(now))
        canonical = f"POST\n/\n\n{moment.headers}{operation}\n\n{moment.names}\n{sha256(body).hexdigest()}"
        to_sign = f"{moment.to_sign}{sha256(canonical.encode()).hexdigest()}"
        mac = moment.mac.copy()
        mac.update(to_sign.encode())
        authorization = f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{moment.scope}, SignedHeaders={moment.names}, Signature={mac.hexdigest()}"
        return f"POST / HTTP/1.1\r\n{moment.lines}{operation}\r\nauthorization:{authorization}\r\ncontent-length:{len(body)}\r\n\r\n".encode() + body

    def _begun(self, credentials: Credentials, at: int) -> _Moment:
        time_text = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
        token = f"x-amz-security-token:{credentials.token}\n" if credentials.token else ""
        names = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target" if token else "content-type;host;x-amz-date;x-amz-target"
        headers = f"content-type:{CONTENT_TYPE}\nhost:{self._host}\nx-amz-date:{time_text}\n{token}x-amz-target:DynamoDB_20120810."
        parts = (time_text[:8], self._region, "dynamodb", "aws4_request")
        key = f"AWS4{credentials.secret_key}".encode()
        for part in parts:
            key = hmac.digest(key, part.encode(), "sha256")
        scope = "/".join(parts)
        lines = headers.replace("\n", "\r\n")
        return _Moment(at, credentials, headers, lines, names, scope, f"AWS4-HMAC-SHA256\n{time_text}\n{scope}\n", hmac.new(key, digestmod="sha256"))
