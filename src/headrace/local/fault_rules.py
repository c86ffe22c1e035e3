"""A file of fault rules as rules of the proxy, or every mistake in it at once. docs/faults.md is its documentation."""

from __future__ import annotations

import random
from collections.abc import Container
from dataclasses import replace
from pathlib import Path

from headrace.config.parse import read_text
from headrace.config.paths import is_within
from headrace.config.shape import shaped
from headrace.config.yaml_tree import read_yaml
from headrace.errors import ConfigError, ConfigProblem
from headrace.local.fault_actions import answered, cut, cut_body, delayed, failed_entries, failing, unprocessed
from headrace.local.fault_check import check
from headrace.local.fault_model import FaultRule, FaultRules
from headrace.local.fault_proxy import Action, Rule

CALLS_MAX = 1 << 62


def load(path: Path) -> list[Rule]:
    """The rules in the file at ``path``; raises ConfigError with all its problems, also when it cannot be read."""
    try:
        return parse(read_text(path, "name a file that exists, or begin with a copy of examples/flights/faults.yaml"), str(path))
    except ConfigError as error:
        error.hint = "correct the lines named; docs/faults.md explains every rule"
        raise


def parse(text: str, source: str) -> list[Rule]:
    """The rules in ``text``; raises ConfigError, naming ``source``, with all problems in the order of the lines."""
    tree = read_yaml(text)
    if tree.data is None and not tree.problems:
        raise ConfigError(source, [ConfigProblem("", "an empty file", "`rules`", "begin with a copy of examples/flights/faults.yaml", 1)])
    if tree.data is None:
        raise ConfigError(source, tree.problems)
    file, shape_problems, repaired = shaped(tree.data, tree, FaultRules)
    reported = [problem.path for problem in tree.problems]
    problems = tree.problems + [problem for problem in shape_problems if problem.path not in reported]
    found = check(file.rules) if file else []
    spoilt = repaired + reported
    rules = [problem for problem in found if not any(is_within(problem.path, path) or is_within(path, problem.path) for path in spoilt)]
    problems += [replace(problem, line=tree.line_of(problem.path)) for problem in rules]
    if problems or file is None:
        raise ConfigError(source, sorted(problems, key=lambda problem: problem.line))
    return [compiled(rule, number, random.Random(f"{file.seed} {number}")) for number, rule in enumerate(file.rules, 1)]


def compiled(rule: FaultRule, number: int, chance: random.Random) -> Rule:
    """The proxy's rule; ``number`` is its place in the file, from 1."""
    action = _action(rule, chance)
    return Rule(
        rule.operation,
        delayed(rule.delay_s, action) if rule.delay_s else action or delayed(0),
        calls=_calls(rule),
        path=rule.path,
        containing=rule.containing.encode(),
        window_s=(rule.from_s, rule.until_s),
        chance=rule.chance,
        random=chance,
        name=rule.name or f"rule {number}",
    )


def _calls(rule: FaultRule) -> Container[int] | None:
    if rule.every:
        return range(rule.every, CALLS_MAX, rule.every)
    if rule.first:
        return range(1, rule.first + 1)
    return frozenset(rule.calls) or None


def _action(rule: FaultRule, chance: random.Random) -> Action | None:
    """What the rule does but for the delay, if anything."""
    after = rule.when == "after"
    if rule.cut:
        return cut(after=after, reset=rule.cut == "reset")
    if rule.cut_body_at is not None:
        return cut_body(rule.cut_body_at)
    if rule.status:
        return answered(rule.status, after=after)
    if rule.error:
        return failing(rule.error, reason=rule.reason, after=after)
    if rule.unprocessed:
        return unprocessed(chance, rule.unprocessed, containing=rule.containing, reason=rule.reason)
    if rule.failed_entries:
        return failed_entries(chance, rule.failed_entries, containing=rule.containing)
    return None
