"""S3 as the ObjectStore and the RejectSink of headrace.ports."""

from __future__ import annotations

import re
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from headrace.aws.errors import translated, unknown_answer
from headrace.errors import Unavailable
from headrace.ports import ObjectRef, OpenedObject


class S3Body:
    """The body of a GET; errors of the connection become Unavailable."""

    def __init__(self, body: Any, place: str) -> None:
        self._body = body
        self._place = place

    def read(self, amount: int, /) -> bytes:
        try:
            data: bytes = self._body.read(amount)
        except (BotoCoreError, HTTPError, OSError) as error:
            raise Unavailable("STREAM_CUT", f"{self._place}: the stream broke: {error}") from None
        return data

    def close(self) -> None:
        self._body.close()


class S3Objects:
    """S3 objects by version. ``owner`` is the account id that must own the bucket (S3 User Guide, "Verifying bucket ownership"), None to not ask."""

    def __init__(self, client: Any, owner: str | None = None) -> None:
        self._client = client
        self._owner = {"ExpectedBucketOwner": owner} if owner else {}

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        """See ObjectStore. Reading by version id needs s3:GetObjectVersion, otherwise s3:GetObject (S3 API, GetObject, 2026-11)."""
        arguments: dict[str, Any] = {"Bucket": ref.bucket, "Key": ref.key, **self._owner}
        if ref.version_id is not None:
            arguments["VersionId"] = ref.version_id
        if ref.etag is not None:
            arguments["IfMatch"] = f'"{ref.etag}"'
        if offset:
            arguments["Range"] = f"bytes={offset}-"
        try:
            answer = self._client.get_object(**arguments)
        except (ClientError, BotoCoreError) as error:
            raise translated(error, "s3:GetObjectVersion" if ref.version_id else "s3:GetObject", str(ref)) from None
        body = S3Body(answer["Body"], str(ref))
        try:
            length = _total(answer, offset)
            if not answer.get("ETag"):
                raise unknown_answer("s3:GetObject", str(ref), "ETag")
            if offset and "ContentRange" not in answer:
                _skip(body, offset)
        except Unavailable:
            body.close()
            raise
        version_id = answer.get("VersionId")
        return OpenedObject(body, length, answer["ETag"].strip('"'), None if version_id == "null" else version_id)


def _total(answer: dict[str, Any], offset: int) -> int:
    """The object's size, for a range from ``bytes 100-199/200``. Another range would repeat or leave out bytes: Unavailable."""
    if "ContentRange" not in answer and offset <= answer.get("ContentLength", -1):
        return int(answer["ContentLength"])
    found = re.fullmatch(rf"bytes {offset}-\d+/(\d+)", answer.get("ContentRange") or "")
    if not found:
        said = answer.get("ContentRange") or f"{answer.get('ContentLength', 'an unknown number of')} bytes of the whole"
        raise Unavailable("RANGE_IGNORED", f"asked for bytes from {offset} on, the answer says {said}")
    return int(found[1])


def _skip(body: S3Body, count: int) -> None:
    """Read past the first ``count`` bytes, of a server that answered a range with the whole, as it may (RFC 9110, 14.2). S3 never does."""
    while count:
        piece = body.read(min(count, 1 << 20))
        if not piece:
            raise Unavailable("STREAM_CUT", f"the stream ended {count} bytes before the range that was asked for")
        count -= len(piece)


class S3Rejects:
    """Rejected records as objects of one bucket."""

    def __init__(self, client: Any, bucket: str, owner: str | None = None) -> None:
        self._client = client
        self._bucket = bucket
        self._owner = {"ExpectedBucketOwner": owner} if owner else {}

    def store(self, name: str, content: BinaryIO) -> str:
        """See RejectSink."""
        try:
            answer = self._client.put_object(Bucket=self._bucket, Key=name, Body=content, ContentType="application/jsonl", **self._owner)
        except (ClientError, BotoCoreError) as error:
            raise translated(error, "s3:PutObject", f"{self._bucket}/{name}") from None
        if not answer.get("ETag"):
            raise unknown_answer("s3:PutObject", f"{self._bucket}/{name}", "ETag")
        return f"s3://{self._bucket}/{name}"
