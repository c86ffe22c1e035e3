"""Parquet of writers whose files need care: sizes that leave something out, and columns that are encrypted behind a plain footer."""

from __future__ import annotations

import base64
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from decode.tables import rows
from headrace.config.model import Column
from headrace.errors import ObjectError

TABLE = pa.table({"a": ["x", "y"], "n": [1, 2]})


class Keys(pe.KmsClient):  # type: ignore[misc]  # untyped
    """Wraps a key by writing it down."""

    def __init__(self, _: object) -> None:
        super().__init__()

    def wrap_key(self, key: bytes, _: str) -> bytes:
        return base64.b64encode(key)

    def unwrap_key(self, key: bytes, _: str) -> bytes:
        return base64.b64decode(key)


def encrypted(*, plaintext_footer: bool) -> bytes:
    """TABLE with its column ``n`` encrypted."""
    about = pe.EncryptionConfiguration(footer_key="f", column_keys={"c": ["n"]}, plaintext_footer=plaintext_footer, double_wrapping=False)
    properties = pe.CryptoFactory(Keys).file_encryption_properties(pe.KmsConnectionConfig(), about)
    out = io.BytesIO()
    with pq.ParquetWriter(out, TABLE.schema, encryption_properties=properties) as writer:
        writer.write_table(TABLE)
    return out.getvalue()


@pytest.mark.parametrize("writer", [b"parquet-mr version 1.2.8", b"parquet-mr version 1.2.9", b"parquet-mr"])
def test_file_of_an_old_writer_is_read(writer: bytes) -> None:
    """Of what parquet-mr up to 1.2.8 wrote, pyarrow reads a little more than the footer says that a column has."""
    out = io.BytesIO()
    pq.write_table(TABLE, out, compression="none", store_schema=False)
    data = out.getvalue()
    known = pq.ParquetFile(io.BytesIO(data)).metadata.created_by.encode()
    assert rows(data.replace(known, writer.ljust(len(known))), "parquet") == TABLE.to_pylist()


@pytest.mark.parametrize("plaintext_footer", [True, False])
def test_encrypted_file_is_named_and_no_damage(plaintext_footer: bool) -> None:
    """Also where the footer is plain, so that older readers may read the columns that are: to look at another one ends pyarrow's process."""
    with pytest.raises(ObjectError, match="column n encrypted" if plaintext_footer else "encrypted Parquet file") as raised:
        rows(encrypted(plaintext_footer=plaintext_footer), "parquet")
    assert raised.value.code == "PARQUET_ENCRYPTED"


def test_plain_columns_beside_encrypted_ones_are_read() -> None:
    """A route that leaves the others out needs no key."""
    assert rows(encrypted(plaintext_footer=True), "parquet", columns={"a": Column()}, other_columns="drop") == [{"a": "x"}, {"a": "y"}]
