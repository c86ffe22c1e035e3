"""Exports of DynamoDB, loaded by their manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import client, items
from cli.exports import CHANGES, CHANGES_ION, EXPORT_ID, FULL, FULL_ION, ITEMS, PREFIX, Exported
from cli.program import Run
from headrace.local.emulator import EmbeddedAws

BOTH = [Exported(FULL), Exported(FULL_ION, output_format="ION")]
BOTH_CHANGES = [Exported(CHANGES, is_incremental=True), Exported(CHANGES_ION, is_incremental=True, output_format="ION")]


def name_of(export: Exported) -> str:
    return export.output_format


@pytest.mark.parametrize("export", BOTH, ids=name_of)
def test_preview_of_a_manifest_when_all_agrees_prints_the_items_of_all_files(run: Run, folder: Path, export: Exported) -> None:
    """As they were exported, the empty text and the set too; a limit counts over all files."""
    summary = export.write(folder)
    ran = run("preview", summary, "--all", "--key", "id")
    assert (ran.code, [line["Item"] for line in ran.items]) == (0, ITEMS)
    assert "3 data files of 3 items" in ran.err
    assert "note" not in ran.err
    assert len(run("preview", summary, "--limit", "2", "--key", "id").items) == 2
    assert len(run("preview", summary, "--limit", "3", "--key", "id").items) == 3


@pytest.mark.parametrize("export", BOTH_CHANGES, ids=name_of)
def test_load_of_an_incremental_export_when_there_is_no_config_writes_and_deletes(run: Run, folder: Path, aws: EmbeddedAws, export: Exported) -> None:
    """The data stands in a folder that exports share; a record without a new image deletes."""
    client(aws, "dynamodb").put_item(TableName="orders", Item={"id": {"N": "2"}})
    ran = run("load", export.write(folder), "--table", "orders", "--json")
    assert (ran.code, ran.document["state"], ran.document["read"], ran.document["written"]) == (0, "LOADED", 2, 2)
    assert items(aws, "orders") == [{"id": {"N": "1"}, "v": {"S": "new"}}]


def test_load_from_a_bucket_when_the_export_was_copied_reads_the_copy(run: Run, aws: EmbeddedAws) -> None:
    """What the manifest says of buckets and prefixes is of the first bucket; the files are looked for beside it."""
    s3 = client(aws, "s3")
    s3.create_bucket(Bucket="cli-copies")
    for key, data in Exported(FULL).objects.items():
        s3.put_object(Bucket="cli-copies", Key=f"copied/{key.removeprefix('backups/')}", Body=data)
    ran = run("load", f"s3://cli-copies/copied/AWSDynamoDB/{EXPORT_ID}/manifest-summary.json", "--table", "orders")
    assert (ran.code, items(aws, "orders")) == (0, ITEMS)
    assert "read 3 = written 3 + rejected 0 + filtered 0 + superseded 0" in ran.out


def test_load_when_data_files_are_not_those_of_the_manifest_writes_nothing_and_names_them(run: Run, folder: Path, aws: EmbeddedAws) -> None:
    """One was changed, one is not there: both are said at once, and the good one is not loaded either."""
    export = Exported(FULL)
    summary = export.write(folder)
    _, changed, gone = (folder / key for key in export.data)
    changed.write_bytes(b"{}")
    gone.unlink()
    ran = run("load", summary, "--table", "orders")
    assert (ran.code, items(aws, "orders")) == (1, [])
    assert "EXPORT_DIFFERS" in ran.err
    assert f"2 of 3 data files: {changed}: found MD5 mZFLkyvTelC5g8XnyQrpOw==" in ran.err
    assert f"{gone}: No such file" in ran.err


def test_load_when_a_file_has_another_number_of_items_fails_and_says_both(run: Run, folder: Path) -> None:
    """The sums agree, so it is seen only when the file was read; the files before it are loaded."""
    export = Exported(FULL)
    export.lines[0]["itemCount"], export.lines[2]["itemCount"] = 1, 2
    ran = run("preview", export.write(folder), "--all", "--key", "id")
    assert ran.code == 1
    assert "read 2 records, expected 1; of 3 data files 0 were loaded before" in ran.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"itemCount": 4}, "found 3 files of 3 items, where manifest-summary.json says 4"),
        ({"outputFormat": "CSV"}, "found outputFormat 'CSV', expected DYNAMODB_JSON or ION"),
        ({"manifestFilesS3Key": "elsewhere/AWSDynamoDB/x/manifest-files.json"}, "expected one in elsewhere/AWSDynamoDB/"),
    ],
)
def test_manifest_when_it_contradicts_itself_is_refused(run: Run, folder: Path, change: dict[str, object], message: str) -> None:
    """Before a data file is looked at."""
    export = Exported(FULL)
    export.summary |= change
    ran = run("preview", export.write(folder), "--key", "id")
    assert (ran.code, ran.out) == (1, "")
    assert message in ran.err


@pytest.mark.parametrize("key", ["/etc/passwd", f"{PREFIX}/{EXPORT_ID}/../../../../etc/passwd", "backups/other/a.json.gz", 5])
def test_manifest_when_it_names_a_file_elsewhere_is_refused(run: Run, folder: Path, key: object) -> None:
    """Nothing in it chooses a folder."""
    export = Exported(FULL)
    export.lines[0]["dataFileS3Key"] = key
    ran = run("preview", export.write(folder), "--key", "id")
    assert (ran.code, "MANIFEST_INVALID" in ran.err) == (1, True)


def test_manifest_when_it_is_not_that_of_its_checksum_is_refused(run: Run, folder: Path) -> None:
    """Each has its own; without one a note says so."""
    summary = Exported(FULL).write(folder)
    for name in ("manifest-files", "manifest-summary"):
        (checksum := summary.with_name(f"{name}.md5")).write_text("AAAA")
        ran = run("preview", summary, "--key", "id")
        assert (ran.code, f"{name}.json: found MD5" in ran.err) == (1, True)
        checksum.unlink()
    ran = run("preview", summary, "--key", "id")
    assert ran.code == 0
    assert "there is no checksum of manifest-summary.json and manifest-files.json itself" in ran.err
    summary.with_name("manifest-files.checksum").write_text("AAAA")
    assert run("preview", summary, "--key", "id").code == 1


@pytest.mark.parametrize("command", [["sniff"], ["init"], ["preview", "--key", "id"]])
def test_list_of_data_files_when_it_is_taken_for_data_is_named(run: Run, folder: Path, command: list[str]) -> None:
    """Its lines are JSON objects, and would become items."""
    listing = Exported(FULL).write(folder).with_name("manifest-files.json")
    ran = run(command[0], listing, *command[1:])
    assert (ran.code, ran.out) == (1, "")
    assert "found the manifest of an export of DynamoDB" in ran.err


def test_route_for_an_export_when_it_reads_another_format_is_refused(run: Run, folder: Path) -> None:
    """JSON Lines would make an attribute `Item` of each item."""
    config = "source: {bucket: x-incoming}\ntables: {orders: {key: {id: number}}}\nroutes:\n"
    config += "  - {name: exported, match: '**.json.gz', format: FORMAT, table: orders, columns: {id: number}, other_columns: keep}\n"
    summary = Exported(["not json\n" + FULL[0], FULL[2] + "nor this\n"]).write(folder)
    (folder / "headrace.yaml").write_text(config.replace("FORMAT", "jsonl"))
    ran = run("preview", summary)
    assert (ran.code, "route exported reads jsonl, the export is dynamodb_json" in ran.err) == (2, True)
    (folder / "headrace.yaml").write_text(config.replace("FORMAT", "dynamodb_json"))
    ran = run("preview", summary, "--all", "--rejects", "bad.jsonl")
    assert (ran.code, len(ran.items)) == (3, 3)
    kept = [json.loads(line) for line in (folder / "bad.jsonl").read_text().splitlines()]
    assert [(one["line"], Path(one["object"]).name) for one in kept] == [(1, "file0q4zmni.json.gz"), (2, "file1q4zmni.json.gz")]
