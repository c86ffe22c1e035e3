"""S3 as the Listing of headrace.ports.

The role needs s3:ListBucket (ListObjectsV2), s3:GetObject, and for a version s3:GetObjectVersion (HeadObject) (S3 API reference, 2026-11).
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from headrace.aws.errors import translated, unknown_answer
from headrace.errors import ServiceError
from headrace.ports import ListedObject, ObjectRef, ObjectState, Page

ARCHIVED = frozenset(("GLACIER", "DEEP_ARCHIVE"))


class S3Listing:
    """One bucket. ``owner`` is the account id that must own it, None to not ask."""

    def __init__(self, client: Any, bucket: str, owner: str | None = None) -> None:
        self._client = client
        self._bucket = bucket
        self._owner = {"ExpectedBucketOwner": owner} if owner else {}

    def page(self, prefix: str, after: str) -> Page:
        """See Listing. By key and not by token, because a token does not say for how long it is good."""
        start = {"StartAfter": after} if after else {}
        try:
            answer = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **start, **self._owner)
        except (ClientError, BotoCoreError) as error:
            raise translated(error, "s3:ListBucket", f"{self._bucket}/{prefix}*") from None
        if "IsTruncated" not in answer:
            raise unknown_answer("s3:ListBucket", f"{self._bucket}/{prefix}*", "IsTruncated")
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if not date:
            raise ServiceError("LISTING_DATELESS", f"the listing of {self._bucket} carries no date", hint="check what is between here and AWS")
        objects = [ListedObject(one["Key"], one["ETag"].strip('"'), one["Size"], one["LastModified"].timestamp()) for one in answer.get("Contents", ())]
        return Page(objects, not answer["IsTruncated"], parsedate_to_datetime(date).timestamp())

    def state(self, key: str, version_id: str | None = None) -> ObjectState:
        """See Listing."""
        version = {"VersionId": version_id} if version_id else {}
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=key, **version, **self._owner)
        except (ClientError, BotoCoreError) as error:
            raise translated(error, "s3:GetObjectVersion" if version_id else "s3:GetObject", f"{self._bucket}/{key}") from None
        if not answer.get("ETag"):
            raise unknown_answer("s3:GetObject", f"{self._bucket}/{key}", "ETag")
        found = answer.get("VersionId")
        ref = ObjectRef(self._bucket, key, None if found == "null" else found, answer["ETag"].strip('"'), answer["ContentLength"])
        return ObjectState(ref, not _is_archived(answer) or 'ongoing-request="false"' in answer.get("Restore", ""))


def _is_archived(answer: dict[str, Any]) -> bool:
    """ArchiveStatus is that of the archive tiers of Intelligent-Tiering (S3 API reference, HeadObject, 2026-11)."""
    return answer.get("StorageClass") in ARCHIVED or "ArchiveStatus" in answer
