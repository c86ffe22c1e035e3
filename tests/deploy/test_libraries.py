"""The libraries that the zip carries: those that the routes need, made for the function's Python and processor."""

from __future__ import annotations

import importlib.metadata
import os
import re
import zipfile
from pathlib import Path

import pytest

from deploy.deploy_samples import config, with_route
from headrace.config.model import LIBRARY_FORMATS
from headrace.deploy import libraries
from headrace.deploy.libraries import library_files, needed
from headrace.deploy.package import build
from headrace.deploy.target import Target, here, on_lambda
from headrace.errors import HeadraceError


def test_libraries_when_compared_with_their_requirements_are_complete() -> None:
    """What botocore requires, and what that requires, is in the zip."""
    required, found = {"botocore"}, set()
    while required - found:
        name = (required - found).pop()
        found.add(name)
        for requirement in importlib.metadata.requires(name) or []:
            if "extra ==" not in requirement and 'python_version < "3.10"' not in requirement:
                required.add(re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower())
    assert found == set(libraries.ALWAYS)


def test_libraries_when_compared_with_the_formats_have_each() -> None:
    """What is read by a library has one to be packaged."""
    assert set(libraries.OF_FORMAT) == set(LIBRARY_FORMATS)


def test_needed_when_no_route_asks_for_more_is_what_headrace_requires() -> None:
    """Each format and codec brings its own libraries and no others, with the extra that installs them."""
    target = Target("3.13", "aarch64")
    always = dict.fromkeys(libraries.ALWAYS, "")
    assert needed(config(), target) == always
    assert needed(with_route("orc"), target) == always | {"pyarrow": "orc"}
    assert needed(with_route("csv", codecs=["lz4", "zstd"]), target) == always | {"lz4": "codecs", "backports.zstd": "codecs"}
    assert needed(with_route("avro", codecs=["zstd"]), Target("3.14", "aarch64")) == always | {"fastavro": "avro", "cramjam": "avro"}


def test_build_when_an_extra_is_missing_says_which_to_add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves nothing behind."""
    monkeypatch.setitem(libraries.OF_FORMAT, "parquet", ("no-such-library",))
    with pytest.raises(HeadraceError, match="no-such-library, of the extra parquet") as caught:
        build(with_route("parquet"), tmp_path, tmp_path / "f.zip")
    assert (caught.value.code, caught.value.hint) == ("EXTRA_MISSING", "pip install 'headrace[parquet]'")
    assert list(tmp_path.iterdir()) == []


TAGS = {
    "cp313-cp313-manylinux_2_28_aarch64": True,
    "cp313-cp313-manylinux2014_aarch64": True,
    "cp39-abi3-manylinux_2_17_aarch64": True,
    "cp314-abi3-manylinux_2_17_aarch64": False,
    "cp312-cp312-manylinux_2_28_aarch64": False,
    "cp313-cp313t-manylinux_2_28_aarch64": False,
    "cp313-cp313-manylinux_2_35_aarch64": False,
    "cp313-cp313-manylinux_2_28_x86_64": False,
    "cp313-cp313-musllinux_1_2_aarch64": False,
    "cp313-cp313-macosx_11_0_arm64": False,
    "cp313-cp313-linux_aarch64": False,
    "cp313-none-manylinux_2_28_aarch64": False,
}


@pytest.mark.parametrize("tag", TAGS)
def test_target_when_asked_about_a_wheel_takes_what_runs_there(tag: str) -> None:
    """Python, its ABI, the processor and a glibc of at most 2.34 have to agree."""
    assert on_lambda(config()).takes(tag) == TAGS[tag]


def lay(folder: Path, tag: str, content: str) -> None:
    """An installed distribution called ``probe``, whose machine code is ``content``."""
    (folder / "probe").mkdir(parents=True)
    (folder / "probe-1.0.dist-info").mkdir()
    files = {
        "probe/__init__.py": "",
        "probe/_native.so": content,
        "probe/native.h": "",
        "probe-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: probe\nVersion: 1.0\n",
        "probe-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: false\nTag: {tag}\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    record = "".join(f"{name},,\n" for name in [*files, "probe-1.0.dist-info/RECORD"])
    (folder / "probe-1.0.dist-info/RECORD").write_text(record)


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ion routes need ``probe``, which is installed here with machine code for a Mac; pip finds wheels in the folder alone, which is empty."""
    lay(tmp_path / "installed", "cp311-cp311-macosx_11_0_arm64", "for a Mac")
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    monkeypatch.setitem(libraries.OF_FORMAT, "ion", ("probe",))
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels"), "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "wheels").mkdir()
    return tmp_path / "wheels"


def put_wheel(wheels: Path, content: str) -> None:
    tag = "cp313-cp313-manylinux_2_28_aarch64"
    lay(wheels / "content", tag, content)
    with zipfile.ZipFile(wheels / f"probe-1.0-{tag}.whl", "w") as archive:
        for path in (wheels / "content").rglob("*"):
            if path.is_file():
                archive.write(path, path.relative_to(wheels / "content"))


def test_library_when_its_machine_code_is_for_another_place_is_fetched(probe: Path) -> None:
    """In the version that is installed, for the function's Python and processor; what no reader needs stays out."""
    put_wheel(probe, "for Lambda")
    files = library_files(with_route("ion"), on_lambda(with_route("ion")))
    ours = {name: content for name, content in files.items() if name.startswith("probe")}
    assert ours["probe/_native.so"] == b"for Lambda"
    assert set(ours) == {"probe/__init__.py", "probe/_native.so", "probe-1.0.dist-info/METADATA"}


def test_library_when_the_function_runs_here_is_copied(probe: Path) -> None:
    """The embedded AWS runs it on this Python, so nothing is fetched."""
    assert library_files(with_route("ion"), here())["probe/_native.so"] == b"for a Mac"


def test_library_when_it_cannot_be_fetched_says_what_was_tried(probe: Path, tmp_path: Path) -> None:
    """The cause in pip's words, the command to try by hand, and no zip."""
    with pytest.raises(HeadraceError, match=r"probe==1\.0 for Python 3\.13 on Linux aarch64 could not be fetched: No matching distribution") as caught:
        build(with_route("ion"), tmp_path, tmp_path / "f.zip")
    assert caught.value.code == "WHEELS_MISSING"
    for part in ("python -m pip install", "--platform=manylinux_2_28_aarch64", "--python-version=3.13", "--target=FOLDER probe==1.0`", "PIP_FIND_LINKS"):
        assert part in caught.value.hint
    assert not (tmp_path / "f.zip").exists()


def test_library_when_a_file_of_it_is_gone_is_refused(probe: Path, tmp_path: Path) -> None:
    """Never half a package."""
    (tmp_path / "installed/probe/_native.so").unlink()
    with pytest.raises(HeadraceError, match="probe is not whole") as caught:
        library_files(with_route("ion"), here())
    assert caught.value.code == "LIBRARY_MISSING"


def test_pin_of_what_newer_pythons_have_built_in_is_that_of_the_lock() -> None:
    """So that a deployment from Python 3.14 gives an older runtime what the tests ran with."""
    lock = (Path(__file__).parents[2] / "requirements.lock").read_text()
    for name, version in libraries._SINCE_3_14_BUILT_IN.items():
        assert f"\n{name.replace('.', '-')}=={version} " in lock
