"""The function's zip: small, whole, the same every time, and enough to start the handler from."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.deploy_samples import config, route
from headrace.config import compiled
from headrace.deploy import libraries
from headrace.deploy import package as packaging
from headrace.deploy.package import build
from headrace.errors import HeadraceError

START = """
import json, sys
import botocore.session
import headrace.handler
session = botocore.session.get_session()
for service in ("s3", "dynamodb", "lambda", "sqs", "sts"):
    client = session.create_client(service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="y")
    assert client.meta.endpoint_url.startswith("https://"), service
print(json.dumps({"modules": sorted(sys.modules), "handler": headrace.handler.handler.__name__, "file": headrace.handler.__file__}))
"""


def start(folder: Path) -> dict[str, object]:
    """Run START with nothing to import from but the standard library and ``folder``."""
    environment = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(folder)}
    done = subprocess.run([sys.executable, "-S", "-s", "-c", START], env=environment, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_build_when_repeated_gives_the_same_bytes(tmp_path: Path) -> None:
    """The same input is the same zip, whenever and wherever it is built, so an unchanged stack stays unchanged."""
    first = build(config(), tmp_path, tmp_path / "a.zip")
    os.utime(tmp_path, (0, 0))
    second = build(config(), tmp_path, tmp_path / "deeper" / "b.zip")
    assert first.sha256 == second.sha256 == hashlib.sha256((tmp_path / "a.zip").read_bytes()).hexdigest()
    assert first.bytes == (tmp_path / "a.zip").stat().st_size


def test_build_when_done_describes_the_zip(tmp_path: Path) -> None:
    """Names are sorted, sizes add up, and nothing is in it that only some routes need."""
    package = build(config(), tmp_path, tmp_path / "f.zip")
    with zipfile.ZipFile(package.path) as archive:
        entries = archive.infolist()
        assert archive.testzip() is None
    assert tuple(entry.filename for entry in entries) == package.files == tuple(sorted(package.files))
    assert sum(entry.file_size for entry in entries) == package.unzipped_bytes
    assert package.bytes < 6_000_000
    assert {entry.external_attr >> 16 & 0o777 for entry in entries} == {0o644}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_build_when_done_holds_what_the_function_needs_and_no_more(tmp_path: Path) -> None:
    """No command line, no deployment, no machine code, four services of botocore's four hundred, the licences, the config."""
    package = build(config(), tmp_path, tmp_path / "f.zip")
    folders = {"/".join(name.split("/")[:2]) for name in package.files if name.startswith("headrace/")}
    assert folders.isdisjoint({"headrace/cli", "headrace/deploy", "headrace/local"})
    assert {"headrace/handler.py", "headrace/errors.py", "botocore/cacert.pem", "headrace.json"} <= set(package.files)
    assert {name.split("/")[2] for name in package.files if name.startswith("botocore/data/") and name.count("/") > 2} == {
        "dynamodb",
        "lambda",
        "s3",
        "sqs",
        "sts",
    }
    assert not [name for name in package.files if name.endswith((".so", ".pyd", "RECORD"))]
    assert [name for name in package.files if "LICENSE" in name and name.startswith("botocore-")]
    with zipfile.ZipFile(package.path) as archive:
        assert compiled.loads(archive.read("headrace.json").decode()) == config()


def test_zip_when_it_is_all_there_is_starts_the_handler(tmp_path: Path) -> None:
    """The zip alone imports the handler and makes its clients, and the handler loads nothing that it does not need."""
    package = build(config(), tmp_path, tmp_path / "f.zip")
    folder = tmp_path / "task"
    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(folder)
    started = start(folder)
    assert started["handler"] == "handler"
    assert str(started["file"]).startswith(str(folder))
    modules = {str(name).split(".")[0] for name in started["modules"]}  # type: ignore[attr-defined]  # a JSON list
    assert modules.isdisjoint({"yaml", "pydantic", "click", "rich", "boto3", "pyarrow"})


def test_build_when_a_route_transforms_takes_its_module_along(tmp_path: Path) -> None:
    """A module next to headrace.yaml, or a package folder with everything in it but bytecode."""
    (tmp_path / "clean.py").write_text("def fix(record): return record\n")
    (tmp_path / "rules" / "__pycache__").mkdir(parents=True)
    (tmp_path / "rules" / "__init__.py").write_text("")
    (tmp_path / "rules" / "codes.json").write_text("{}")
    (tmp_path / "rules" / "__pycache__" / "x.pyc").write_text("")
    routes = [route("a", transform="clean:fix"), route("b", transform="rules.orders:fix")]
    package = build(replace(config(), routes=routes), tmp_path, tmp_path / "f.zip")
    own = [name for name in package.files if name.startswith(("clean", "rules")) and not name.endswith(".pyc")]
    assert own == ["clean.py", "rules/__init__.py", "rules/codes.json"]


def test_build_when_a_transform_is_missing_names_the_file(tmp_path: Path) -> None:
    """A route whose function cannot be shipped stops the build."""
    with pytest.raises(HeadraceError, match=r"needs clean\.py or the folder clean") as caught:
        build(replace(config(), routes=[route(transform="clean:fix")]), tmp_path, tmp_path / "f.zip")
    assert caught.value.code == "TRANSFORM_MISSING"


def test_build_when_a_transform_hides_a_library_refuses(tmp_path: Path) -> None:
    """A module named like one of the package's own would replace it."""
    (tmp_path / "six.py").write_text("")
    with pytest.raises(HeadraceError) as caught:
        build(replace(config(), routes=[route(transform="six:fix")]), tmp_path, tmp_path / "f.zip")
    assert caught.value.code == "TRANSFORM_CLASHES"


def test_build_when_the_runtimes_python_is_missing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an interpreter of the function's version there is no bytecode, and the note says what that costs."""
    monkeypatch.setattr(packaging, "_interpreter", lambda _version: "")
    package = build(config(), tmp_path, tmp_path / "f.zip")
    assert not [name for name in package.files if name.endswith(".pyc")]
    assert package.note.startswith("no bytecode: ")


def test_build_when_the_runtimes_python_is_there_adds_unchecked_bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every module has bytecode that is never checked against its source and names /var/task; twice the same."""
    monkeypatch.setattr(packaging, "_interpreter", lambda _version: sys.executable)
    package, again = (build(config(), tmp_path, tmp_path / name) for name in ("a.zip", "b.zip"))
    assert package.sha256 == again.sha256
    assert len([name for name in package.files if name.endswith(".pyc")]) == len([name for name in package.files if name.endswith(".py")])
    with zipfile.ZipFile(package.path) as archive:
        bytecode = archive.read(f"headrace/__pycache__/errors.{sys.implementation.cache_tag}.pyc")
    assert int.from_bytes(bytecode[4:8], "little") == 0b01  # hash-based, unchecked: PEP 552
    assert b"/var/task/headrace/errors.py" in bytecode


def test_build_when_a_library_is_missing_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What headrace itself requires is never fetched in its place."""
    monkeypatch.setattr(libraries, "ALWAYS", ("botocore", "no-such-library"))
    with pytest.raises(HeadraceError, match="no-such-library") as caught:
        build(config(), tmp_path, tmp_path / "f.zip")
    assert caught.value.code == "LIBRARY_MISSING"


def test_build_when_it_is_too_large_names_the_largest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found, the limit, what to do; the zip that was there stays."""
    (tmp_path / "f.zip").write_text("older")
    monkeypatch.setattr(packaging, "UNZIPPED_BYTES_MAX", 1_000_000)
    with pytest.raises(HeadraceError, match=r"at most 1,000,000; the largest are botocore with [\d,]+") as caught:
        build(config(), tmp_path, tmp_path / "f.zip")
    assert caught.value.code == "PACKAGE_TOO_LARGE"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("f.zip", "older")]
