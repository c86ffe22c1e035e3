"""Loads into real tables of the embedded AWS."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import client, items
from cli.program import Run, run_process
from headrace.local.emulator import EmbeddedAws
from headrace.local.fault_actions import failing
from headrace.local.fault_proxy import Rule
from headrace.write.writer import Writer
from servers.recorded import RecordedProxy

CONFIG = """\
source: {bucket: cli-incoming}
tables:
  orders: {key: {id: number}}
  words: {key: {word: string}, existing: true}
  missing: {key: {id: string}}
routes:
  - {name: orders, match: "in/**.csv*", format: csv, table: orders, columns: {id: number, price: {type: number, empty: reject}}, on_error: {max_rejects: 2}}
  - {name: words, match: "words/*", format: jsonl, table: words, columns: {word: string}, transform: "cli_load_transform:shout"}
  - {name: missing, match: "missing/*", format: csv, table: missing, columns: {id: string}}
  - {name: differs, match: "differs/*", format: csv, table: orders, columns: {id: number}}
"""


@pytest.fixture
def project(folder: Path, aws: EmbeddedAws) -> Path:
    (folder / "headrace.yaml").write_text(CONFIG)
    (folder / "in").mkdir()
    return folder


def test_load_without_a_config_writes_inferred_items(run: Run, folder: Path, aws: EmbeddedAws) -> None:
    """One command for a file that nobody described: types are shown first, the counts balance, the items are there."""
    (folder / "a.csv").write_text("id;price;zip\n1;5.50;007\n2;;12\n1;6;013\n")
    ran = run("load", "a.csv", "--table", "orders", "--key", "id")
    assert ran.code == 0
    assert "a.csv → table orders: csv separated by ';', key id (number)" in ran.err
    assert "price\tnumber\t'5.50'" in ran.err
    assert ran.out.splitlines()[:2] == ["LOADED a.csv → table orders", "read 3 = written 2 + rejected 0 + filtered 0 + superseded 1"]
    assert items(aws, "orders") == [{"id": {"N": "1"}, "price": {"N": "6"}, "zip": {"S": "013"}}, {"id": {"N": "2"}, "zip": {"S": "12"}}]


def test_load_with_json_prints_one_document(run: Run, folder: Path, aws: EmbeddedAws) -> None:
    """The outcome, what was inferred and the kinds of rejections are data."""
    (folder / "a.csv").write_text("id,v\n1,x\nNaN,y\n,z\n")
    ran = run("load", "a.csv", "--table", "orders", "--json")
    document = ran.document
    assert ran.code == 3
    assert (document["state"], document["read"], document["written"], document["rejected"]) == ("LOADED", 3, 1, 2)
    assert document["inferred"] == {"format": "csv", "delimiter": "", "key": {"id": "number"}, "columns": {"id": "number", "v": "string"}, "notes": []}
    assert [(one["code"], one["line"]) for one in document["reject_reasons"]] == [("NUMBER_INVALID", 3), ("KEY_EMPTY", 4)]


def test_load_without_key_takes_that_of_the_table(run: Run, folder: Path, aws: EmbeddedAws) -> None:
    """The table knows its key, partition key and sort key, and their types."""
    (folder / "a.tsv").write_text("sk\tpk\tn\n5\t6\t7\n")
    assert run("load", "a.tsv", "--table", "pairs").code == 0
    assert items(aws, "pairs") == [{"pk": {"S": "6"}, "sk": {"N": "5"}, "n": {"N": "7"}}]


@pytest.mark.parametrize(
    "case",
    [
        ("orders", ["--key", "id:v"], 2, "expected id, the key of table orders"),
        ("pairs", [], 2, "the key is made from pk and sk, but the columns of the file are 'id', 'v'"),
        ("ordrs", ["--key", "id"], 1, "--table-name ordrs --attribute-definitions AttributeName=id,AttributeType=N"),
        ("orders", ["--profile", "nobody"], 1, "(PROFILE_MISSING)"),
    ],
)
def test_load_into_a_table_that_does_not_fit_writes_nothing(run: Run, folder: Path, aws: EmbeddedAws, case: tuple[str, list[str], int, str]) -> None:
    """The table is looked at before anything is written."""
    table, options, code, expected = case
    (folder / "a.csv").write_text("id,v\n1,2\n")
    ran = run("load", "a.csv", "--table", table, *options)
    assert ran.code == code
    assert expected in ran.err
    assert "next: " in ran.err
    assert items(aws, "orders") == []


def test_load_by_a_route_keeps_rejected_records(run: Run, project: Path, aws: EmbeddedAws) -> None:
    """Good records are written, bad ones kept whole, and an older file of rejects is never overwritten by chance."""
    (project / "in" / "a.csv").write_text("id,price\n1,x\n2,\n3,7\n")
    for name in ("a.csv.rejects.jsonl", "a.csv.rejects-2.jsonl"):
        ran = run("load", "in/a.csv")
        assert ran.code == 3
        assert f"rejected records, whole and with their reasons: {name}" in ran.out
        rejects = [json.loads(line) for line in (project / name).read_text().splitlines()]
        assert [(one["line"], one["column"], one["raw"]) for one in rejects] == [(2, "price", "1,x\n"), (3, "price", "2,\n")]
    assert items(aws, "orders") == [{"id": {"N": "3"}, "price": {"N": "7"}}]


def test_load_with_rejects_option_replaces_that_file(run: Run, project: Path) -> None:
    """Naming a file is consent to replace it, and the only file that appears."""
    (project / "in" / "a.csv").write_text("id,price\n1,x\n")
    (project / "bad.jsonl").write_text("old")
    assert run("load", "in/a.csv", "--rejects", "bad.jsonl").code == 3
    assert json.loads((project / "bad.jsonl").read_text())["code"] == "NUMBER_INVALID"
    assert sorted(path.name for path in project.iterdir()) == ["bad.jsonl", "headrace.yaml", "in"]


def test_load_without_rejected_records_leaves_no_file(run: Run, project: Path) -> None:
    """No empty file of rejects."""
    (project / "in" / "a.csv").write_text("id,price\n1,2\n")
    assert run("load", "in/a.csv").code == 0
    assert sorted(path.name for path in project.iterdir()) == ["headrace.yaml", "in"]


@pytest.mark.parametrize(("options", "code"), [([], 1), (["--max-rejects", "3"], 3), (["--max-rejects", "0"], 1)])
def test_load_with_too_many_rejects_fails(run: Run, project: Path, options: list[str], code: int) -> None:
    """The route's limit counts, unless the command line has another."""
    (project / "in" / "a.csv").write_text("id,price\n1,x\n2,x\n3,x\n4,1\n")
    ran = run("load", "in/a.csv", *options)
    assert ran.code == code
    assert ("TOO_MANY_REJECTS" in ran.err) == (code == 1)


def test_load_of_an_object_in_s3_reads_the_version_named(run: Run, project: Path, aws: EmbeddedAws) -> None:
    """Keys are taken as they are, not URL-decoded; a version may be named."""
    s3 = client(aws, "s3")
    s3.create_bucket(Bucket="cli-incoming")
    s3.put_bucket_versioning(Bucket="cli-incoming", VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket="cli-incoming", Key="in/a b+%41.csv.gz", Body=gzip.compress(b"id,price\n1,1\n"))["VersionId"]
    s3.put_object(Bucket="cli-incoming", Key="in/a b+%41.csv.gz", Body=b"id,price\n1,2\n")
    assert run("load", "s3://cli-incoming/in/a b+%41.csv.gz").code == 0
    assert items(aws, "orders") == [{"id": {"N": "1"}, "price": {"N": "2"}}]
    assert run("load", f"s3://cli-incoming/in/a b+%41.csv.gz?versionId={old}", "--table", "orders").code == 0
    assert items(aws, "orders") == [{"id": {"N": "1"}, "price": {"N": "1"}}]
    missing = run("load", "s3://cli-incoming/in/none.csv")
    assert (missing.code, "OBJECT_MISSING" in missing.err) == (1, True)
    assert run("load", "s3://cli-incoming/in/").code == 2


def test_load_with_a_transform_finds_it_beside_the_config(run: Run, project: Path, aws: EmbeddedAws) -> None:
    """The transform's folder is that of the config, whatever the working directory."""
    (project / "cli_load_transform.py").write_text(
        "def shout(record):\n    print('heard')\n    return {'word': record['word'].upper()} if record['word'] else None\n"
    )
    (project / "words").mkdir()
    (project / "words" / "a").write_text('{"word":"a"}\n{"word":""}\n')
    ran = run_process("load", "words/a")
    assert (ran.code, "filtered 1" in ran.out, "heard" in ran.out, "heard" in ran.err) == (0, True, False, True)
    assert items(aws, "words") == [{"word": {"S": "A"}}]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["a.csv"], 2, "name the route with --route NAME"),
        (["a.csv", "--route", "ordres"], 2, "write `orders`"),
        (["a.csv", "--key", "id"], 2, "--key without --table"),
        (["a.csv", "--table", "orders", "--route", "orders"], 2, "leave out one pair"),
        (["a.csv", "--config", "other.yaml"], 2, "(CONFIG_INVALID)"),
        (["a.csv", "--route", "missing"], 1, "or create it with `headrace deploy`"),
        (["a.csv", "--route", "words"], 2, "No module named 'cli_load_transform'"),
    ],
)
def test_load_by_a_wrong_route_says_what_to_do(run: Run, project: Path, arguments: list[str], code: int, expected: str) -> None:
    """Nothing is guessed: each is one sentence and a next step."""
    (project / "a.csv").write_text("id,price\n1,2\n")
    ran = run("load", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert expected in ran.err


def test_load_when_table_has_another_key_than_the_config_exits_2(run: Run, project: Path) -> None:
    """A config that does not fit the table is found before the first write."""
    (project / "headrace.yaml").write_text(CONFIG.replace("key: {id: number}", "key: {id: string}").replace("id: number", "id: string"))
    (project / "in" / "a.csv").write_text("id,price\n1,2\n")
    ran = run("load", "in/a.csv")
    assert ran.code == 2
    assert "table orders has the key id (number), the config expects id (string)" in ran.err


def test_load_of_standard_input_and_of_a_pipe_reads_them_to_their_end(folder: Path, aws: EmbeddedAws) -> None:
    """A stream can be read only once, so it is kept first."""
    assert run_process("load", "-", "--table", "orders", stdin=b"id,v\n1,2\n").code == 0
    ran = run_process("load", "/dev/stdin", "--table", "orders", stdin=b"id,v\n2,2\nx,2\n")
    assert ran.code == 3
    assert "pipe.rejects.jsonl" in ran.out
    assert [item["id"]["N"] for item in items(aws, "orders")] == ["1", "2"]


@pytest.mark.parametrize("arguments", [["--table", "orders"], ["--route", "orders"]], ids=["no config", "config"])
def test_load_with_a_budget_gives_it_to_the_writer(run: Run, project: Path, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    """All of it, whatever the config says; less than one unit a second is refused."""
    given: list[float | None] = []

    class Seen(Writer):
        def __init__(self, *positional: Any, units_per_s: float | None, **named: Any) -> None:
            given.append(units_per_s)
            super().__init__(*positional, units_per_s=units_per_s, **named)

    monkeypatch.setattr("headrace.load.Writer", Seen)
    (project / "a.csv").write_text("id,price\n1,5\n")
    assert run("load", "a.csv", *arguments, "--max-write-units", 500).code == 0
    assert run("load", "a.csv", *arguments).code == 0
    assert given == [500, None]
    assert run("load", "a.csv", *arguments, "--max-write-units", 0).code == 2


@pytest.mark.parametrize(
    "case",
    [
        ("TableWriteKeyRangeThroughputExceeded", "hot_key", "too many writes to one partition key (hot key)"),
        ("TableWriteMaxOnDemandThroughputExceeded", "own_cap", "the table's own MaxWriteRequestUnits"),
        ("TableWriteAccountLimitExceeded", "account", "the account's quota for the table"),
        ("IndexWriteProvisionedThroughputExceeded", "index", "an index with too little capacity"),
        ("TableWriteProvisionedThroughputExceeded", "table", "the table's capacity"),
    ],
)
def test_load_that_is_throttled_says_by_what(run: Run, folder: Path, aws: EmbeddedAws, case: tuple[str, str, str]) -> None:
    """From the answer of the table to the note for people and the document for programs; the load goes on."""
    reason, kind, words = case
    (folder / "a.csv").write_text("id,price\n1,5\n")
    rule = Rule("dynamodb:BatchWriteItem", failing("ProvisionedThroughputExceededException", reason=reason), calls={1, 3})
    with RecordedProxy(aws.endpoint_url, rule) as proxy:
        ran = run("load", "a.csv", "--table", "orders", "--endpoint-url", proxy.url)
        assert (ran.code, f"1 call was throttled and repeated: {words}" in ran.out) == (0, True)
        assert run("load", "a.csv", "--table", "orders", "--endpoint-url", proxy.url, "--json").document["throttles"] == {kind: 1}
