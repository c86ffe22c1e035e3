"""A program of its own: ``load KIND PATH`` loads a hostile object, and prints as JSON what came of it, the peak of memory and the bytes that were read.

The peak is that of this process above its imports, and that of the process which reads binary formats as a whole.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any, BinaryIO

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from contracts.virtual_clock import VirtualClock
from headrace.config.model import Column, Config, Route, Source, Table
from headrace.load import Ports, load_object
from headrace.ports import ObjectRef, OpenedObject
from load.memory_program import NullTable, peak_kb

MB = 1 << 20
Pieces = Iterator[bytes]


@dataclass
class Body:
    """Pieces as a body; ``told`` counts the bytes that were read from any."""

    pieces: Pieces
    told: list[int]
    data: bytes = b""

    def read(self, amount: int, /) -> bytes:
        while not self.data and (piece := next(self.pieces, b"")):
            self.data = piece
        piece, self.data = self.data[:amount], self.data[amount:]
        self.told[0] += len(piece)
        return piece

    def close(self) -> None:
        """Nothing is open."""


class Objects:
    """One object: ``make`` gives its pieces again for each time that it is opened."""

    def __init__(self, make: Callable[[], Pieces]) -> None:
        self._make = make
        self.size = sum(map(len, make()))
        self.told = [0]

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        pieces = self._make()
        for piece in pieces:
            if offset < len(piece):
                pieces = chain([piece[offset:]], pieces)
                break
            offset -= len(piece)
        return OpenedObject(Body(pieces, self.told), self.size, "e1", None)


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def workbook(sheet: Callable[[str], Pieces]) -> bytes:
    """A workbook with one text, in a sheet whose XML ``sheet`` makes anew."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    for text in ("id", "TEXT"):
        book.worksheets[0].append([text])
    with zipfile.ZipFile(io.BytesIO(written(book.save))) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for name in source.namelist():
            with target.open(name, "w", force_zip64=True) as member:
                content = source.read(name)
                member.writelines(sheet(content.decode()) if name.endswith("sheet1.xml") else [content])
    return out.getvalue()


def laughing(sheet: str) -> Pieces:
    """Entities of entities, a billion of them in all."""
    entities = '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return iter([f"<!DOCTYPE worksheet [{entities}]>{sheet.replace('TEXT', '&l9;')}".encode()])


def swollen(sheet: str) -> Pieces:
    """A text of 300 MB of letters."""
    before, after = sheet.encode().split(b"TEXT")
    return chain([before], repeat(b"x" * MB, 300), [after])


def avro_bomb() -> bytes:
    """A block of 1 GB of zeros, deflated to 1 MB."""
    plain = written(lambda out: fastavro.writer(out, {"type": "record", "name": "r", "fields": [{"name": "id", "type": "bytes"}]}, [], codec="deflate"))
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = b"".join([*(deflate.compress(bytes(MB)) for _ in range(1_000)), deflate.flush()])
    return plain + b"\x02" + varint(len(block)) + block + plain[-16:]


def varint(number: int) -> bytes:
    number, out = number << 1, b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def repeated_texts() -> pa.Table:
    """A text of 1 MB, 2,000 times in each of two columns: small as a dictionary."""
    text = pa.array(["x" * MB])
    return pa.table({"id": pa.DictionaryArray.from_arrays(pa.array([0] * 2_000, pa.int32()), text), "b": pa.array([1] * 2_000)})


class Rejects:
    """Keeps the codes of what is rejected."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def store(self, name: str, content: BinaryIO) -> str:
        self.codes = [json.loads(line)["code"] for line in content]
        return name


BINARY = ("ion", "avro", "parquet", "orc", "xlsx")
DIGITS = b"1" * 1_000_000
KINDS: dict[str, tuple[Any, Callable[[], Pieces]]] = {
    "csv field of a gigabyte": ("csv", lambda: chain([b"id,v\n1,"], repeat(b"x" * MB, 1_000), [b"\n2,y\n"])),
    "csv field of a gigabyte in quotes": ("csv", lambda: chain([b'id,v\n1,"'], repeat(b"x\n" * (MB // 2), 1_000), [b'"\n2,y\n'])),
    "csv quote that is open from line 2": ("csv", lambda: chain([b'id,v\n1,"'], repeat(b"1,some text\n" * 80_000, 300))),
    "csv line of a gigabyte that does not end": ("csv", lambda: chain([b"id,v\n2,y\n1,"], repeat(b"x" * MB, 1_000))),
    "csv header of many names that does not end": ("csv", lambda: repeat(b"id," * (MB // 3), 100)),
    "json line of a gigabyte that does not end": ("jsonl", lambda: chain([b'{"id":2}\n{"id":1,"v":"'], repeat(b"x" * MB, 1_000))),
    "csv record of many fields in quotes that does not end": ("csv", lambda: chain([b"id,v\n2,y\n1"], repeat(b',"a"' * (MB // 4), 200))),
    "csv of a million columns": ("csv", lambda: iter([b",".join(b"c%d" % number for number in range(1_000_000)) + b"\n"])),
    "csv of a million fields": ("csv", lambda: iter([b"id,v\n" + b"1," * 500_000 + b"\n2,y\n"])),
    "csv number of a million digits": ("csv", lambda: iter([b"id,v\n" + DIGITS + b",x\n2,y\n"])),
    "csv of lone CR": ("csv", lambda: chain([b"id,v\r"], repeat(b"\r" * MB, 10), [b"2,y\r"])),
    "json of a million members": ("jsonl", lambda: iter([b'{"id":1' + b"".join(b',"m%d":1' % number for number in range(90_000)) + b'}\n{"id":2}\n'])),
    "json number of a million digits": ("jsonl", lambda: iter([b'{"id":' + DIGITS + b'}\n{"id":2}\n'])),
    "json exponent of a thousand million": ("json", lambda: iter([b'[{"id":1e999999999},{"id":-1E-999999999},{"id":2}]'])),
    "json string of a gigabyte": ("json", lambda: chain([b'[{"id":1,"v":"'], repeat(b"x" * MB, 1_000), [b'"},{"id":2}]'])),
    "json of many open arrays": ("json", lambda: chain([b'[{"id":1,"v":'], repeat(b"[" * MB, 100))),
    "ion number of a million digits": ("ion", lambda: iter([b"{Item:{id:" + DIGITS[:900_000] + b"}}\n{Item:{id:2}}\n"])),
    "ion exponent of a thousand million": ("ion", lambda: iter([b"{Item:{id:1d999999999}}\n{Item:{id:2}}\n"])),
    "avro block that inflates to a gigabyte": ("avro", lambda: iter([avro_bomb()])),
    "parquet of a text of 2 GB": ("parquet", lambda: iter([written(lambda out: pq.write_table(repeated_texts(), out))])),
    "parquet of 20,000 columns": ("parquet", lambda: iter([written(lambda out: pq.write_table(pa.table({f"c{n}": [1] for n in range(20_000)}), out))])),
    "orc of large texts": ("orc", lambda: iter([written(lambda out: orc.write_table(pa.table({"id": ["x" * MB] * 400}), out, compression="zstd"))])),
    "xlsx of a billion laughs": ("xlsx", lambda: iter([workbook(laughing)])),
    "xlsx with a text of 300 MB": ("xlsx", lambda: iter([workbook(swollen)])),
}


def make(kind: str, path: Path) -> None:
    """Write an object of a binary format: in a process of its own, as the memory that this takes is not to be counted."""
    path.write_bytes(b"".join(KINDS[kind][1]()))


def main(kind: str, path: Path) -> None:
    form, pieces = KINDS[kind]
    objects = Objects((lambda: iter([path.read_bytes()])) if form in BINARY else pieces)
    route = Route("r", "**", form, "t", columns={"id": Column("number")}, other_columns="keep")
    config = Config(Source("b"), {"t": Table({"id": "number"})}, [route])
    before, rejects = peak_kb(), Rejects()
    ports = Ports(objects, lambda name: NullTable(throttles=False), rejects, VirtualClock())
    outcome = load_object(ObjectRef("b", "k"), route, config, ports)
    mb = (peak_kb() - before + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024
    told = {
        "codes": [*rejects.codes, *([outcome.error] if outcome.error else [])],
        "written": outcome.written,
        "hint": outcome.hint,
        "mb": mb,
        "read": objects.told[0],
        "size": objects.size,
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    {"make": make, "load": main}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
