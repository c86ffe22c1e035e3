"""What the orders of the tests are, how files of them look, and what the table must hold in the end: a second opinion, without headrace's code."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from datetime import datetime
from decimal import Decimal
from typing import Any

Record = dict[str, Any]
COLUMNS = ("order_id", "line", "customer", "quantity", "price", "gift", "ordered_at", "tags", "sizes", "note", "internal")
TEXTS = ("Zoë", 'says "hello"', "a, b; c", "two\nlines", "  spaced  ", "Ωmega 𝛀 日本", "back\\slash", "it's", "=1+1", "tab\there", "+49 30", "null", "x" * 300)
NUMBERS = ("0", "-0", "007", "1e3", "1000.0", "-12.50", "0.1", ".5", "5.", "+8", "12345678901234567890123456789012345678", "1E-130", "9.99E+125", "3.140")


def records(count: int, seed: int) -> list[Record]:
    """Orders as texts, some of them twice with other content: the later one counts."""
    chance = random.Random(seed)
    made: list[Record] = []
    for number in range(count):
        tags, sizes = (
            chance.sample(("new", "sale", "übergröße", "a b", "7"), chance.randrange(4)),
            chance.sample(("36", "37.5", "4e1", "41.0"), chance.randrange(4)),
        )
        made.append(
            {
                "order_id": f"{number:05}" if number % 9 else chance.choice(("Ä-1", "a#b", "x y", f"{number // 2:05}")),
                "line": str(chance.randrange(3)),
                "customer": chance.choice(TEXTS),
                "quantity": chance.choice(("", "NULL", "1", "12", "300")),
                "price": chance.choice(NUMBERS),
                "gift": chance.choice(("true", "FALSE", "yes", "n", "1", "")),
                "ordered_at": chance.choice(("2024-02-29T12:30:00Z", "2013-01-01T00:00:00+05:30", "1999-12-31T23:59:59.999Z", "")),
                "tags": "|".join(tags),
                "sizes": "|".join(sizes),
                "note": chance.choice(("", "NULL", "leave at the door")),
                "internal": "not for the table",
            }
        )
    return made


def as_csv(orders: list[Record], delimiter: str = ",") -> bytes:
    """Written by Python's csv module, with CRLF as line ends."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(orders)
    return text.getvalue().encode()


def as_json_lines(orders: list[Record]) -> bytes:
    """One object for each order: numbers and booleans as JSON has them, lists as arrays, what is empty as null or left out."""
    lines = []
    for order in orders:
        members: Record = {name: value for name, value in order.items() if value != ""}
        numbers = {name: members.pop(name) for name in ("line", "price", "quantity") if members.get(name) not in (None, "NULL")}
        members |= {name: members[name].split("|") for name in ("tags", "sizes") if name in members}
        if "gift" in members:
            members["gift"] = members["gift"] in ("true", "yes", "1")
        if "customer" not in members:
            members["customer"] = None
        literal = "".join(f', "{name}": {_json_number(text)}' for name, text in numbers.items())
        lines.append(json.dumps(members, ensure_ascii=len(lines) % 2 == 0)[:-1] + literal + "}")
    return "\n".join(lines).encode()


def _json_number(text: str) -> str:
    """A text of NUMBERS as JSON may spell it, digit for digit where it can."""
    return {"007": "7", ".5": "0.5", "5.": "5", "+8": "8"}.get(text, text)


def in_members(content: bytes, sizes: tuple[int, ...]) -> bytes:
    """A gzip file of several members, cut anywhere, also in the middle of a line."""
    parts, start = [], 0
    for size in (*sizes, len(content)):
        parts.append(gzip.compress(content[start : start + size]))
        start += size
    return b"".join(parts)


def table_of(orders: list[Record]) -> dict[tuple[str, str], Record]:
    """What the table holds after all ``orders``, by key; of two orders of one key the later. Numbers are Decimals, sets are frozensets."""
    table: dict[tuple[str, str], Record] = {}
    for order in orders:
        item = item_of(order)
        table[item["pk"], item["sk"]] = item
    return table


def item_of(order: Record) -> Record:
    """The item of one order, as Python values."""
    order = {name: "" if value == "NULL" else value for name, value in order.items()}
    item: Record = {"pk": f"order#{order['order_id']}", "sk": order["line"].rjust(4, "0"), "source": "shop", "revision": Decimal(3), "is_test": True}
    item |= {"order_id": order["order_id"], "line": Decimal(order["line"]), "note": order["note"] or None}
    if order["customer"]:
        item["customer"] = order["customer"]
    item |= {name: Decimal(order[column]) for name, column in (("qty", "quantity"), ("price", "price")) if order[column]}
    if order["gift"]:
        item["gift"] = order["gift"].lower() in ("true", "yes", "1")
    if order["ordered_at"]:
        item["ordered_at"] = Decimal(int(datetime.fromisoformat(order["ordered_at"]).timestamp()))
    if order["tags"]:
        item["tags"] = frozenset(order["tags"].split("|"))
    if order["sizes"]:
        item["sizes"] = frozenset(Decimal(size) for size in order["sizes"].split("|"))
    return item


def plain(attribute: dict[str, Any]) -> Any:
    """A value as DynamoDB returns it, as a Python value."""
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return Decimal(value)
        case "NS":
            return frozenset(map(Decimal, value))
        case "SS":
            return frozenset(value)
        case "NULL":
            return None
        case "S" | "BOOL":
            return value
    raise AssertionError(f"no order has a value of type {kind}")


def plain_table(items: list[dict[str, Any]]) -> dict[tuple[str, str], Record]:
    """A scan of the table in the form of ``table_of``."""
    rows = [{name: plain(value) for name, value in item.items()} for item in items]
    return {(row["pk"], row["sk"]): row for row in rows}
