"""The drop folder of ``headrace dev``."""

from __future__ import annotations

import os
from pathlib import Path

from headrace.config.model import Config, Route, Source, Table
from headrace.local.drop_folder import DropFolder

CONFIG = Config(Source("incoming"), {"t": Table({"id": "string"})}, [Route("r", "in/orders/**.csv", "csv", "t")])


def test_file_is_uploaded_once_for_each_state_when_it_is_at_rest(tmp_path: Path) -> None:
    """A file that is still being written is left alone; a changed one is uploaded again."""
    uploads: list[str] = []
    folder = DropFolder(tmp_path / "drop", CONFIG, lambda key, _path: uploads.append(key))
    path = tmp_path / "drop" / "in" / "orders" / "a b.csv"
    path.write_text("id\n1\n")
    assert [folder.look(), folder.look(), folder.look()] == [[], ["in/orders/a b.csv"], []]
    path.write_text("id\n1\n2\n")
    assert [folder.look(), folder.look()] == [[], ["in/orders/a b.csv"]]
    assert uploads == ["in/orders/a b.csv"] * 2


def test_file_that_vanishes_or_has_no_utf8_name_is_left_out(tmp_path: Path) -> None:
    """Editors and rsync make files that are gone at the next look; no S3 key can be other than UTF-8."""

    def upload(key: str, path: Path) -> None:
        path.unlink()
        raise FileNotFoundError(path)

    folder = DropFolder(tmp_path, CONFIG, upload)
    (tmp_path / "short-lived.csv").write_text("id\n")
    (tmp_path / os.fsdecode(b"b\xff.csv")).write_text("id\n")
    assert [folder.look(), folder.look(), folder.look()] == [[], [], []]
