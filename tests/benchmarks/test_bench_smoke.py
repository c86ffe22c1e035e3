"""The instrument itself: does the comparison run, and does it count what was written? Nothing is timed here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLIGHTS = ROOT / "examples" / "flights" / "data" / "flights-2013-01-week-1.csv"
RECORDS = 500


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The comparison with ``arguments``, in a process as ``make bench`` runs it."""
    command = [sys.executable, str(ROOT / "benchmarks" / "compare.py"), str(FLIGHTS), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)


def test_compare_with_500_records_counts_every_item_call_and_byte(tmp_path: Path) -> None:
    """headrace (CSV and JSON Lines) and boto3 write the same 500 items in 20 calls, and the table says so exactly."""
    results = tmp_path / "results.json"
    names = ["headrace-csv", "headrace-jsonl", "headrace-transform", "boto3-batch-writer"]
    done = bench("--only", ",".join(names), "--checked-records", str(RECORDS), "--output", str(results))
    assert done.returncode == 0, done.stderr
    contestants = json.loads(results.read_text(encoding="utf-8"))["contestants"]
    assert [each["name"] for each in contestants] == names
    checked = [each["checked"] for each in contestants]
    assert [(each["items"], each["keys"], each["calls"]) for each in checked] == [(RECORDS, RECORDS, RECORDS // 25)] * 4
    assert len({each["digest"] for each in checked}) == 1
    rows = {line.split(" | ")[0]: line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")}
    for each in contestants:
        counts = each["checked"]
        assert rows[f"| {each['title']}"][1:6] == ["500", "20", f"{counts['wire_bytes']:,}", f"{counts['wire_bytes'] / RECORDS:.0f}", "yes"]


def test_compare_when_a_name_is_unknown_says_which_are_known() -> None:
    """A wrong --only ends before anything is started."""
    done = bench("--only", "headrace-csv,nobody")
    assert done.returncode == 1
    assert "nobody: expected some of headrace-csv" in done.stderr


@pytest.fixture
def model_server(monkeypatch: pytest.MonkeyPatch) -> object:
    """benchmarks/model_server.py, which is no package."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import model_server as found  # type: ignore[import-not-found]  # noqa: PLC0415

    return found


@pytest.mark.parametrize(("left", "right", "is_same"), [("5", "5.0", True), ("100", "1E+2", True), ("5", "6", False)])
def test_digest_when_numbers_are_equal_is_equal(model_server: object, left: str, right: str, is_same: bool) -> None:
    """The digest compares what DynamoDB would store, not how it was written."""

    def digest(number: str) -> str:
        counts = model_server.Counts(is_checking=True)  # type: ignore[attr-defined]
        item = {"pk": {"S": "a"}, "sk": {"S": "b"}, "amount": {"N": number}}
        counts.add(b"", json.dumps({"RequestItems": {"flights": [{"PutRequest": {"Item": item}}]}}).encode())
        return str(counts.take()["digest"])

    assert (digest(left) == digest(right)) is is_same


def test_decoders_when_headrace_reads_each_file_find_every_record(tmp_path: Path) -> None:
    """The files of the comparison of decoders are right, and its reader reads them to the end."""
    files, read = (str(ROOT / "benchmarks" / "decoding" / name) for name in ("files.py", "read.py"))
    subprocess.run([sys.executable, files, str(FLIGHTS), str(tmp_path), "60"], check=True, timeout=120)
    found = {}
    for path in sorted(tmp_path.iterdir()):
        done = subprocess.run([sys.executable, read, "headrace", str(path)], capture_output=True, check=True, timeout=120)
        found[path.name] = json.loads(done.stdout)["records"]
    assert len(found) == 18
    assert set(found.values()) == {60}
