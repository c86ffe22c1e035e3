"""YAML text as plain values with the line of every value, and everything in it that two readers could understand differently.

Unquoted words mean what they mean in YAML 1.2, as editors read them: ``no`` and ``2024-01-01`` are texts, keys are always texts. Where
YAML 1.1 reads a value otherwise (``no``, ``0123``, ``1_000``, ``12:30``), it is a problem to put in quotes, so that nobody has to know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from headrace.config.paths import child, parent
from headrace.errors import ConfigProblem, shortened

CHARACTERS_MAX = 1_000_000
LEVELS_MAX = 20
VALUES_MAX = 100_000
"""Aliases count each time they are used, so that a small file cannot become a huge config."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,99})")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_AMBIGUOUS = re.compile(r"(?i:yes|no|on|off)|[-+]?0[0-9]+|\+[0-9]+|0[xob][0-9a-fA-F]+|[-+]?[0-9]+(_[0-9]+)+|[0-9]+(:[0-5]?[0-9])+|[-+]?[0-9]{100,}")
_WORDS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    "null": None,
    "Null": None,
    "NULL": None,
    "~": None,
    "": None,
}

_SYNTAX_HINTS = {
    "\\t": "indent with spaces",
    "cannot start any token": "put texts that begin with a special character in quotes",
    "mapping values are not allowed": "put texts that contain `: ` in quotes, and check the indentation",
    "expected <block end>": "check the indentation and the quotes; a text that begins with `{`, `[` or a quote needs quotes around the whole of it",
    "expected ',' or": "close the bracket; a `#` after a space begins a comment, so put texts that contain it in quotes",
    "unexpected end of stream": "close the quotes",
    "the node content": "write a value; a `#` after a space or a bracket begins a comment, so put texts that contain it in quotes",
    "could not find expected ':'": "write `name: value`, with a space after the colon",
    "single document": "keep one config in the file, without a second `---`",
}


@dataclass
class Tree:
    """``data`` is made of dict, list, str, int, float, bool and None; ``lines`` holds the 1-based line of each path."""

    data: Any = None  # whatever the file holds
    lines: dict[str, int] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)
    """What stands in the file at each path that is an unquoted word."""
    problems: list[ConfigProblem] = field(default_factory=list)
    text_lines: list[str] = field(default_factory=list)

    def line_of(self, path: str) -> int:
        """The 1-based line of ``path``, or of the nearest place around it that is in the file."""
        while path and path not in self.lines:
            path = parent(path)
        return self.lines.get(path, 1)


class _Loader(yaml.SafeLoader):
    """Reads every unquoted word as a text; ``_scalar`` decides what it means."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # declared so in PyYAML


def read_yaml(text: str) -> Tree:
    """The values of ``text``. After a mistake in the syntax ``data`` is None and the only problem says where it is."""
    tree = Tree(text_lines=re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text))  # the line ends that YAML knows
    try:
        if len(text) > CHARACTERS_MAX:
            raise _TooMuch(f"{len(text)} characters")
        node = yaml.compose(text, Loader=_Loader)
        if node is not None:
            tree.data = _Builder(tree).value(node, "", level=1)
    except yaml.YAMLError as error:
        return Tree(problems=[_syntax_problem(error, text)], text_lines=tree.text_lines)
    except (RecursionError, _TooMuch) as error:
        found = str(error) if isinstance(error, _TooMuch) else f"more than {LEVELS_MAX} levels"
        expected = f"at most {CHARACTERS_MAX} characters, {VALUES_MAX} values and {LEVELS_MAX} levels"
        return Tree(problems=[ConfigProblem("", found, expected, "shorten the config", 1)], text_lines=tree.text_lines)
    return tree


class _TooMuch(Exception):
    """The text is larger than any config."""


_YAML_WORDS = {
    "'<stream end>'": "the end of the file",
    "'<block end>'": "the end of an indented part",
    "<block end>": "the end of an indented part",
    "'<scalar>'": "a text",
    "'<block mapping start>'": "a mapping",
    "the node content": "a value",
    "unexpected end of stream": "the end of the file",
    "could not find expected ':'": "a name without `:`",
    "mapping values are not allowed here": "a `:` where none can stand",
}


def _syntax_problem(error: yaml.YAMLError, text: str) -> ConfigProblem:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        hint = "remove it, or write it as an escape in double quotes"
        return ConfigProblem("", f"the character U+{ord(text[error.position]):04X}", "printable text", hint, line)
    mark = getattr(error, "problem_mark", None)
    reason = str(getattr(error, "problem", None) or error)
    described = f"{getattr(error, 'context', '')} {reason}"
    hint = next((hint for part, hint in _SYNTAX_HINTS.items() if part in described), "correct the syntax on this line or the one before")
    for word, plain in _YAML_WORDS.items():
        reason = reason.replace(word, plain)
    two = re.fullmatch(r"expected (.+), but (?:found|got) (.+)", reason)
    expected, found = two.groups() if two else ("valid YAML", re.sub(r"^(but )?found ", "", reason))
    return ConfigProblem("", f"{found} at column {mark.column + 1}" if mark else found, expected, hint, mark.line + 1 if mark else 1)


def _unambiguous(text: str) -> str:
    words = {"yes": "`true`", "on": "`true`", "no": "`false`", "off": "`false`"}
    if re.fullmatch(r"[-+]?[0-9_]{1,99}", text):
        return f"`{int(text.replace('_', ''))}`"
    return words.get(text.lower(), "a decimal number")


class _Builder:
    """Turns YAML nodes into values, noting lines and problems in ``tree``."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.values = 0

    def value(self, node: yaml.Node, path: str, *, level: int, line: int = 0) -> Any:
        self.values += 1
        if self.values > VALUES_MAX:
            raise _TooMuch(f"more than {VALUES_MAX} values")
        if level > LEVELS_MAX:
            raise _TooMuch(f"more than {LEVELS_MAX} levels")
        line = line or node.start_mark.line + 1
        self.tree.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, level)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, child(path, index), level=level + 1) for index, item in enumerate(node.value)]
        return self._scalar(node, path, line)

    def _mapping(self, node: yaml.MappingNode, path: str, level: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._problem(path, "a list or mapping as a name", "a text", "put texts that begin with `{` or `[` in quotes", line)
                continue
            name = self._clean(key.value, path, line)
            place = child(path, name)
            if key.value == "<<" and key.style is None:
                self._problem(place, "a merge key `<<`", "plain names and values", "write the members out; anchors and aliases of whole values are fine", line)
            elif name in members:
                first = self.tree.lines[place]
                self._problem(place, f"`{name}` a second time", "each name once", f"remove one of the two; the first is on line {first}", line)
            else:
                members[name] = self.value(value, place, level=level + 1, line=line)
        return members

    def _scalar(self, node: yaml.Node, path: str, line: int) -> Any:
        text = self._clean(str(node.value), path, line)
        if node.tag != "tag:yaml.org,2002:str":
            self._problem(
                path, f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')}", "a value without a tag", "remove the tag; use quotes to make a text", line
            )
            return text
        if node.style is not None:  # type: ignore[attr-defined]  # a ScalarNode has it
            return text
        self.tree.plain[path] = text
        if text in _WORDS:
            return _WORDS[text]
        if _AMBIGUOUS.fullmatch(text):
            expected = "a value that every YAML reader understands alike"
            self._problem(path, f"{shortened(text)} without quotes", expected, f"write {_unambiguous(text)}, or '{text}' in quotes", line)
            return text
        rest = self._rest_of_line(node)
        if re.match(r"\s+#\{", rest):
            hint = "put the whole text in quotes: a `#` after a space begins a comment"
            self._problem(path, f"{shortened(text)}, and the rest of the line as a comment", "the whole text", hint, line)
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _DECIMAL.fullmatch(text) else text

    def _rest_of_line(self, node: yaml.Node) -> str:
        end = node.end_mark
        return self.tree.text_lines[end.line][end.column :] if end.line < len(self.tree.text_lines) else ""

    def _clean(self, text: str, path: str, line: int) -> str:
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._problem(path, "an escape for half a character (a surrogate)", "whole characters", "write the character itself, or its `\\U` escape", line)
            return text.encode("utf-8", "replace").decode()
        return text

    def _problem(self, path: str, found: str, expected: str, hint: str, line: int) -> None:
        self.tree.problems.append(ConfigProblem(path, found, expected, hint, line))
