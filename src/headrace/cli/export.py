"""An export of a DynamoDB table to S3: the data files that its manifests list, each proven to be what was exported before anything is written.

A file of the manifest is looked for beside it, where the export or a copy of it has it; so nothing in a manifest chooses a bucket or a folder.
Developer guide, S3DataExport.Output, 2026-11: ``md5Checksum`` is that of the file as stored, compressed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from headrace.account.outcome import Outcome
from headrace.cli.failure import usage
from headrace.cli.source import Source
from headrace.config.model import Format, Limits, Route
from headrace.errors import ObjectError, shortened
from headrace.ports import ObjectRef, SystemClock
from headrace.records import Opened

SUMMARY_NAME = "manifest-summary.json"
MANIFEST_BYTES_MAX = 64 << 20
DIFFERENCES_SHOWN = 10
_FORMATS: dict[str, Format] = {"DYNAMODB_JSON": "dynamodb_json", "ION": "ion"}


@dataclass(frozen=True)
class DataFile:
    """One file of an export, and how many records the manifest says it has."""

    source: Source
    items: int
    md5: str
    """In base64."""


@dataclass(frozen=True)
class Export:
    """What the manifests say. ``unchecked`` names those whose own checksum is not there."""

    format: Format
    files: list[DataFile]
    unchecked: list[str]

    @property
    def example(self) -> DataFile:
        """A file with items, if there is one."""
        return next((file for file in self.files if file.items), self.files[0])


def export_of(source: Source) -> Export | None:
    """The export whose summary ``source`` is, None if it is something else.

    Raises ObjectError MANIFEST_INVALID, EXPORT_DIFFERS where a manifest is not that of its checksum or its counts do not add up, and
    what reading raises.
    """
    if source.name != SUMMARY_NAME:
        return None
    folder = _folder(source)
    content = _content(source)
    summary = _object(content, source)
    if not isinstance(summary.get("manifestFilesS3Key"), str):
        return None
    form = _FORMATS.get(str(summary.get("outputFormat")))
    if form is None:
        raise _invalid(source, f"outputFormat {shortened(summary.get('outputFormat'))}, expected DYNAMODB_JSON or ION")
    listing = _beside(source, f"{folder}manifest-files.json")
    listed = _content(listing)
    unchecked = [one.name for one, data in ((source, content), (listing, listed)) if not _is_checked(one, data)]
    key = summary["manifestFilesS3Key"]
    files = [_file(listing, line, key, folder) for line in listed.splitlines() if line.strip()]
    if not files or sum(file.items for file in files) != summary.get("itemCount"):
        found = f"{len(files)} files of {sum(file.items for file in files)} items, where {SUMMARY_NAME} says {summary.get('itemCount')}"
        raise _differs(f"{listing.ref}: found {found}")
    return Export(form, files, unchecked)


def require_format(export: Export, route: Route) -> None:
    """Raise USAGE unless ``route`` reads what ``export`` has."""
    if route.format != export.format:
        raise usage(f"route {route.name} reads {route.format}, the export is {export.format}", "name another route, or correct its `format`")


def proven(export: Export) -> list[DataFile]:
    """The data files, each pinned to the version of which the MD5 is that of the manifest. Raises ObjectError EXPORT_DIFFERS, which names those that differ."""
    found, differences = [], []
    for file in export.files:
        try:
            pinned, md5 = _md5_of(file.source)
        except ObjectError as error:
            differences.append(error.message)
            continue
        if md5 != file.md5:
            differences.append(f"{file.source.ref}: found MD5 {md5}, expected {file.md5}")
        found.append(replace(file, source=replace(file.source, ref=pinned)))
    if differences:
        more = f"; and {len(differences) - DIFFERENCES_SHOWN} more" if len(differences) > DIFFERENCES_SHOWN else ""
        raise _differs(f"{len(differences)} of {len(export.files)} data files: {'; '.join(differences[:DIFFERENCES_SHOWN])}{more}")
    return found


def loaded(export: Export, object: str, load: Callable[[DataFile, int | None], Outcome], limit: int | None = None) -> Outcome:
    """What came of all files together: each is loaded by ``load``, in turn, up to the first that is not LOADED, or until ``limit`` records are read.

    A file that had another number of records than the manifest says is FAILED. Raises ObjectError EXPORT_DIFFERS before the first is loaded.
    """
    files, outcomes, left = proven(export), [], limit
    for file in files:
        outcome = load(file, left)
        left = None if left is None else left - outcome.read
        outcomes.append(outcome if left == 0 else _counted(outcome, file))
        if left == 0 or outcomes[-1].state != "LOADED":
            break
    total = _together(outcomes, object)
    if total.error and len(files) > 1:
        message = f"{total.message}; of {len(files)} data files {len(outcomes) - 1} were loaded before: loading all again is safe"
        return replace(total, message=message)
    return total


def _counted(outcome: Outcome, file: DataFile) -> Outcome:
    if outcome.error or outcome.read == file.items:
        return outcome
    error = _differs(f"{outcome.object}: read {outcome.read} records, expected {file.items}")
    return replace(outcome, state="FAILED", error=error.code, message=error.message, hint=error.hint)


def _together(outcomes: list[Outcome], object: str) -> Outcome:
    """The sums of ``outcomes``; the state is that of the last, since the others are LOADED."""
    total = outcomes[0]
    for one in outcomes[1:]:
        summed = {each.name: getattr(total, each.name) + getattr(one, each.name) for each in fields(one) if type(getattr(one, each.name)) in (int, float)}
        throttles = {reason: total.throttles.get(reason, 0) + one.throttles.get(reason, 0) for reason in total.throttles | one.throttles}
        total = replace(one, **summed, throttles=throttles, rejects=one.rejects or total.rejects)
    return replace(total, object=object, seconds=round(total.seconds, 3))


def _file(listing: Source, line: bytes, files_key: str, folder: str) -> DataFile:
    entry = _object(line, listing)
    key, items, md5 = entry.get("dataFileS3Key"), entry.get("itemCount"), entry.get("md5Checksum")
    if not (isinstance(key, str) and isinstance(items, int) and items >= 0 and isinstance(md5, str)):
        raise _invalid(listing, f"the line {shortened(line.decode('utf-8', 'replace'), 100)}, expected dataFileS3Key, itemCount and md5Checksum")
    own, above = files_key.rpartition("/")[0] + "/", files_key.rpartition("/")[0].rpartition("/")[0] + "/"
    shared = folder.rstrip("/").rpartition("/")[0] + "/"  # above the export's own: incremental exports have their data in one folder there
    path = folder + key.removeprefix(own) if key.startswith(own) else shared + key.removeprefix(above)
    if not key.startswith(above) or ".." in key.split("/"):
        raise _invalid(listing, f"the data file {shortened(key, 200)}, expected one in {above}")
    return DataFile(_beside(listing, path), items, md5)


def _folder(source: Source) -> str:
    """Where ``source`` is, up to and with the last slash."""
    path = str(Path(source.ref.key).resolve()) if source.is_file else source.ref.key
    return path[: path.rindex("/") + 1] if "/" in path else ""


def _beside(source: Source, key: str) -> Source:
    return Source(ObjectRef(source.ref.bucket, key), source.objects, key.rpartition("/")[2])


def _is_checked(manifest: Source, content: bytes) -> bool:
    """Whether the checksum of ``manifest`` is there. Raises ObjectError EXPORT_DIFFERS where it is that of something else than ``content``."""
    for ending in (".md5", ".checksum"):
        beside = _beside(manifest, manifest.ref.key.removesuffix(".json") + ending)
        try:
            expected = _content(beside).decode("latin-1").strip()
        except ObjectError as error:
            if error.code != "OBJECT_MISSING":
                raise
            continue
        found = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        if found != expected:
            raise _differs(f"{manifest.ref}: found MD5 {found}, expected {shortened(expected)} of {beside.name}")
        return True
    return False


def _pieces(source: Source, limits: Limits) -> Iterator[tuple[ObjectRef, bytes]]:
    """What is stored, with the version that it is of."""
    opened = Opened(source.objects, source.ref, SystemClock(), limits=limits)
    try:
        for piece in opened.pieces():
            yield opened.ref, piece
        yield opened.ref, b""
    finally:
        opened.close()


def _content(source: Source) -> bytes:
    return b"".join(piece for _, piece in _pieces(source, Limits(object_bytes_max=MANIFEST_BYTES_MAX)))


def _md5_of(source: Source) -> tuple[ObjectRef, str]:
    digest, pinned = hashlib.md5(usedforsecurity=False), source.ref
    for ref, piece in _pieces(source, Limits()):
        digest.update(piece)
        pinned = ref
    return pinned, base64.b64encode(digest.digest()).decode()


def _object(text: bytes, source: Source) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _invalid(source, f"no JSON: {error}") from None
    if not isinstance(found, dict):
        raise _invalid(source, "JSON that is no object")
    return found


def _invalid(source: Source, found: str) -> ObjectError:
    return ObjectError("MANIFEST_INVALID", f"{source.ref}: found {found}", object=str(source.ref), hint="copy the whole export again, or load its data files")


def _differs(message: str) -> ObjectError:
    return ObjectError("EXPORT_DIFFERS", message, hint="copy the export again from its bucket; a data file can be loaded by itself")
