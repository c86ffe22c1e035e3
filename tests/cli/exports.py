"""Exports of DynamoDB as the service writes them, made by hand (developer guide, S3DataExport.Output, 2026-11)."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PREFIX = "backups/AWSDynamoDB"
EXPORT_ID = "01680109764000-a1b2c3d4"
FULL = ['{"Item":{"id":{"N":"1"},"v":{"S":"x"}}}\n{"Item":{"id":{"N":"2"},"s":{"SS":["a"]}}}\n', "", '{"Item":{"id":{"N":"3"},"v":{"S":""}}}\n']
"""The content of data files, one of which is that of an empty partition."""
FULL_ION = ['$ion_1_0 {Item:{id:1.,v:"x"}}\n$ion_1_0 {Item:{id:2.,s:$dynamodb_SS::["a"]}}\n', "", '$ion_1_0 {Item:{id:3.,v:""}}\n']
ITEMS = [{"id": {"N": "1"}, "v": {"S": "x"}}, {"id": {"N": "2"}, "s": {"SS": ["a"]}}, {"id": {"N": "3"}, "v": {"S": ""}}]
_META = '"Metadata":{"WriteTimestampMicros":"1680109764000000"}'
CHANGES = [
    f'{{{_META},"Keys":{{"id":{{"N":"1"}}}},"NewImage":{{"id":{{"N":"1"}},"v":{{"S":"new"}}}}}}\n'
    f'{{{_META},"Keys":{{"id":{{"N":"2"}}}},"OldImage":{{"id":{{"N":"2"}}}}}}\n'
]
CHANGES_ION = [
    '$ion_1_0 {Record:{Keys:{id:1.},Metadata:{WriteTimestampMicros:1680109764000000.},NewImage:{id:1.,v:"new"}}}\n'
    "$ion_1_0 {Record:{Keys:{id:2.},Metadata:{WriteTimestampMicros:1680109764000000.},OldImage:{id:2.}}}\n"
]


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


@dataclass
class Exported:
    """The objects of an export by key; ``lines`` of manifest-files.json and ``summary`` may be changed before ``objects`` is asked for."""

    contents: list[str]
    is_incremental: bool = False
    output_format: str = "DYNAMODB_JSON"
    lines: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ending = "ion" if self.output_format == "ION" else "json"
        folder = f"{PREFIX}/data" if self.is_incremental else f"{PREFIX}/{EXPORT_ID}/data"
        self.data = {f"{folder}/file{number}q4zmni.{ending}.gz": gzip.compress(text.encode()) for number, text in enumerate(self.contents)}
        for text, (key, data) in zip(self.contents, self.data.items(), strict=True):
            etag = hashlib.md5(hashlib.md5(data).digest()).hexdigest() + "-1"
            self.lines.append({"itemCount": text.count("\n"), "md5Checksum": md5(data), "etag": etag, "dataFileS3Key": key})
        self.summary |= {"version": "2023-08-01", "manifestFilesS3Key": f"{PREFIX}/{EXPORT_ID}/manifest-files.json", "outputFormat": self.output_format}
        self.summary |= {"s3Bucket": "the-first-bucket", "s3Prefix": "backups", "itemCount": sum(line["itemCount"] for line in self.lines)}
        self.summary |= {"exportType": "INCREMENTAL_EXPORT", "outputView": "NEW_AND_OLD_IMAGES"} if self.is_incremental else {"exportType": "FULL_EXPORT"}

    @property
    def objects(self) -> dict[str, bytes]:
        own = f"{PREFIX}/{EXPORT_ID}/"
        files = "".join(json.dumps(line) + "\n" for line in self.lines).encode()
        summary = json.dumps(self.summary).encode()
        manifests = {"manifest-files.json": files, "manifest-files.md5": md5(files).encode(), "manifest-summary.json": summary}
        return {
            **self.data,
            **{own + name: data for name, data in manifests.items()},
            own + "manifest-summary.md5": md5(summary).encode(),
            own + "_started": b"",
        }

    def write(self, folder: Path) -> Path:
        """The export as files below ``folder``; the path of its summary."""
        for key, data in self.objects.items():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder / PREFIX / EXPORT_ID / "manifest-summary.json"
