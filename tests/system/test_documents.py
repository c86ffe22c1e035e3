"""What the documents name exists: files, headings, commands with their options, modules and targets of make."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from system.test_readme import ROOT, commands, parsed

DOCUMENTS = {str(path.relative_to(ROOT)): path.read_text() for folder in (".", "docs", "benchmarks") for path in sorted((ROOT / folder).glob("*.md"))}
TOLD = sorted({command for text in DOCUMENTS.values() for command in [*commands(text), *re.findall(r"`(headrace [a-z][^`]*)`", text)]})
MODULES = sorted({module for text in DOCUMENTS.values() for module in re.findall(r"python -m ([a-z_.]+)", text)})
PLACES = re.compile(r"`((?:src|tests|docs|examples|benchmarks)/[a-z0-9_/.-]*|[a-z_]+/[a-z0-9_/]+\.py)`")
"""Paths as they stand in the text: from the checkout, or from the package."""


def of_kind(first: str) -> list[str]:
    return [command for command in TOLD if command.split()[0] == first]


def heading_links(text: str) -> set[str]:
    """The names by which the headings of a document are linked to."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("command", of_kind("headrace"))
def test_headrace_when_given_a_command_of_a_document_takes_its_arguments(command: str) -> None:
    """Also where it stands in the middle of a sentence, with N for a number, or with its options alone."""
    with contextlib.suppress(click.MissingParameter):
        parsed(shlex.split(re.sub(r"\bN\b", "1", command)))


@pytest.mark.parametrize("target", sorted({command.split()[1] for command in of_kind("make")}))
def test_make_when_asked_for_a_target_of_a_document_knows_it(target: str) -> None:
    """What a newcomer is told to type."""
    planned = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert planned.returncode == 0, planned.stderr


@pytest.mark.parametrize("module", MODULES)
def test_python_when_told_to_run_a_module_of_a_document_has_something_to_run(module: str) -> None:
    """Those that write the generated pages, and the simulator: imported alone, a module does nothing and says nothing."""
    found = importlib.util.find_spec(module)
    assert found and found.origin
    code = Path(found.origin)
    assert code.with_name("__main__.py").exists() if code.name == "__init__.py" else '__name__ == "__main__"' in code.read_text()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_when_it_links_links_to_what_is_there(name: str) -> None:
    """Files of the checkout, and headings in them."""
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", DOCUMENTS[name]):
        path, _, heading = target.partition("#")
        linked = (ROOT / name).parent / path if path else ROOT / name
        assert linked.exists(), target
        assert not heading or heading in heading_links(linked.read_text()), target


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_document_when_it_names_a_file_names_one_that_is_there(name: str) -> None:
    """A change note may name what is gone, no other document."""
    for place in PLACES.findall(DOCUMENTS[name]):
        assert any((root / place).exists() for root in (ROOT, (ROOT / name).parent, ROOT / "src" / "headrace")), place


def test_documents_when_read_have_all_kinds() -> None:
    """None of the tests above is empty."""
    assert {"README.md", "docs/config.md", "benchmarks/README.md"} <= set(DOCUMENTS)
    assert len(of_kind("headrace")) > 20
    assert len(of_kind("make")) > 5
    assert len(MODULES) > 3
    assert PLACES.findall("`read/bzip2.py`, `docs/a.md`, `in/a.csv`, `items/s`") == ["read/bzip2.py", "docs/a.md"]
    assert heading_links("# Key `a`\n## Write modes\n") == {"key-a", "write-modes"}
