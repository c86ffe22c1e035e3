"""The suite sees an automaton that is wrong: each fault that somebody could make is made, and wrong cuts are found."""

from __future__ import annotations

import re
from typing import Any

import pytest

from headrace.split import automaton
from headrace.split.automaton import CR, CsvAutomaton, Dialect
from headrace.split.scan import Passage
from split.samples import every_content, wrong_cuts

COMMA, ARROW = Dialect(",", 1_000), Dialect("→", 1_000)
CONTENTS = [data for length in range(1, 5) for data in every_content(length)]
TAILS = [b"a\n" + begun + data + b"\n" for begun in (b"", b'"') for data in every_content(4)]
ARROWS = [data.replace(b",", b"\xe2\x86") for data in every_content(4)] + [b'"a"' + data for data in ("→".encode(), b"\xe2", b"\xe2\x86\n")]


def quote_opens_anywhere(mutant: Any) -> None:
    mutant.setattr(CsvAutomaton, "_quoted", lambda self, data, at, stop, state: data.find(b'"', at, stop) + 1)


def quote_never_opens_after_a_delimiter(mutant: Any) -> None:
    mutant.setattr(CsvAutomaton, "_quoted", lambda self, data, at, stop, state: at + 1 if state == "start" and data[at : at + 1] == b'"' else 0)


def doubled_quote_ends_a_field(mutant: Any) -> None:
    right = CsvAutomaton._closed
    mutant.setattr(CsvAutomaton, "_closed", lambda self, data, at: (at, "field") if data[at : at + 1] == b'"' else right(self, data, at))


def text_after_a_closing_quote_is_no_error(mutant: Any) -> None:
    mutant.setattr(CsvAutomaton, "_closed", lambda self, data, at: (at + 1, "quoted") if data[at : at + 1] == b'"' else (at, "field"))


def state_at_the_end_is_always_text(mutant: Any) -> None:
    mutant.setattr(CsvAutomaton, "_end", lambda self, data, at, state: "field" + CR if data.endswith(b"\r") else "field")


def cr_at_the_edge_is_a_line_end(mutant: Any) -> None:
    mutant.setattr(automaton, "_LINE_END", re.compile(rb"\r\n|\n|\r"))


def cr_is_no_line_end(mutant: Any) -> None:
    mutant.setattr(automaton, "_LINE_END", re.compile(rb"\r\n|\n"))


def lines_are_counted_by_lf_alone(mutant: Any) -> None:
    mutant.setattr(CsvAutomaton, "is_cr_line_end", False)


def leap_takes_every_line_for_a_record(mutant: Any) -> None:
    mutant.setattr(CsvAutomaton, "leap", lambda self, data, at, limit: max(data.rfind(b"\n", at, limit) + 1, at))


def leap_does_not_know_doubled_quotes(mutant: Any) -> None:
    change_records(mutant, rb'(?:""[^"]*+)*+', b"")


def leap_takes_stray_quotes_for_openings(mutant: Any) -> None:
    change_records(mutant, rb'(?<=[,\r\n]")', b"")


def leap_passes_a_cr_at_the_edge(mutant: Any) -> None:
    change_records(mutant, rb"\r(?=[^\n])", rb"\r")


def change_records(mutant: Any, old: bytes, new: bytes) -> None:
    right = automaton._records

    def changed(delimiter: bytes) -> re.Pattern[bytes]:
        assert old in right(delimiter).pattern
        return re.compile(right(delimiter).pattern.replace(old, new))

    mutant.setattr(automaton, "_records", changed)


def lines_of_earlier_blocks_are_forgotten(mutant: Any) -> None:
    right = Passage.then
    mutant.setattr(Passage, "then", lambda self, following, scale: right(self, following, scale)._replace(lines=following.lines))


def cuts_of_a_chunk_are_kept_twice(mutant: Any) -> None:
    mutant.setattr("headrace.split.scan.Scale.is_same_chunk", lambda self, one, other: False)


MUTANTS = [
    *((mutate, COMMA) for mutate in (quote_opens_anywhere, quote_never_opens_after_a_delimiter, doubled_quote_ends_a_field)),
    *((mutate, COMMA) for mutate in (text_after_a_closing_quote_is_no_error, state_at_the_end_is_always_text, cr_at_the_edge_is_a_line_end)),
    *((mutate, COMMA) for mutate in (cr_is_no_line_end, lines_are_counted_by_lf_alone, leap_takes_every_line_for_a_record)),
    *((mutate, COMMA) for mutate in (leap_does_not_know_doubled_quotes, leap_takes_stray_quotes_for_openings, leap_passes_a_cr_at_the_edge)),
    *((mutate, COMMA) for mutate in (lines_of_earlier_blocks_are_forgotten, cuts_of_a_chunk_are_kept_twice)),
    (state_at_the_end_is_always_text, ARROW),
]


@pytest.mark.parametrize(("mutate", "dialect"), MUTANTS)
def test_mutant_is_found(monkeypatch: pytest.MonkeyPatch, mutate: Any, dialect: Dialect) -> None:
    """With the mutation some content is cut wrongly."""
    mutate(monkeypatch)
    contents = CONTENTS + TAILS if dialect == COMMA else ARROWS
    assert any(wrong_cuts(dialect, [data]) for data in contents)


def test_automaton_without_mutation_cuts_the_same_contents_rightly() -> None:
    """So that it is the mutation that was found."""
    assert wrong_cuts(COMMA, TAILS) == []
    assert wrong_cuts(ARROW, ARROWS) == []
