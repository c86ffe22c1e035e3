"""Each format goes bucket → event → function → table, and the whole table is what an independent model says."""

from __future__ import annotations

import gzip

import pytest

from system.configs import FORMATS
from system.order_model import Record, as_csv, as_json_lines, in_members, plain_table, records, table_of
from system.pipeline import Pipeline

COUNT = 400


def content(name: str, orders: list[Record]) -> bytes:
    text = as_csv(orders)
    return {
        "plain.csv": text,
        "tabs.tsv": as_csv(orders, "\t"),
        "one.csv.gz": gzip.compress(text),
        "members.csv.gz": in_members(text, (1, 700, 0, 13, 5000)),
        "lines.jsonl": as_json_lines(orders),
        "lines.jsonl.gz": gzip.compress(as_json_lines(orders)),
    }[name]


def test_model_when_a_key_comes_twice_has_fewer_items_than_orders() -> None:
    """The comparison below would not see a lost repetition if no sample had one."""
    assert 0 < len(table_of(records(COUNT, seed=1))) < COUNT


@pytest.mark.parametrize("name", FORMATS)
def test_upload_when_the_format_is_supported_makes_the_table_of_the_model(queued: Pipeline, name: str) -> None:
    """Not a sample but every item and every attribute is compared, and every record has exactly one end."""
    orders = records(COUNT, seed=list(FORMATS).index(name))
    expected = table_of(orders)
    load = queued.loaded(f"formats/{name}", content(name, orders))
    assert plain_table(queued.items(name)) == expected
    assert (load["read"], load["rejected"], load["filtered"]) == (COUNT, 0, 0)
    assert load["written"] >= len(expected)
    assert load["write_units"] >= load["written"]


def test_upload_when_repeated_leaves_the_table_as_it_is(queued: Pipeline) -> None:
    """The same file again, as a new version of the object, writes the same items to the same keys."""
    orders = records(COUNT, seed=0)
    for _ in range(2):
        queued.loaded("formats/plain.csv", as_csv(orders))
        assert plain_table(queued.items("plain.csv")) == table_of(orders)


def test_upload_when_the_transform_drops_every_record_counts_them_as_filtered(queued: Pipeline) -> None:
    """What the user's own function leaves out is neither an error nor forgotten."""
    load = queued.loaded("dropped/all.csv", b"id,group,value\n1,a,1\n2,a,2\n3,a,x\n")
    assert (load["read"], load["filtered"], load["written"], load["rejected"], load["calls"]) == (3, 3, 0, 0, 0)
