"""The rules that a file of fault rules must keep beyond its shape."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from headrace.aws.operations import SERVICES, operations
from headrace.config.paths import child, listed, nearest_hint
from headrace.errors import ConfigProblem, shortened
from headrace.local.fault_answers import ERRORS, REASONS, THROTTLES
from headrace.local.fault_model import FaultRule

ACTIONS = ("cut", "cut_body_at", "status", "error", "unprocessed", "failed_entries")
CHOICES = ("calls", "every", "first")
DELAY_S_MAX = 3600
ONLY_FOR = {"unprocessed": "dynamodb:BatchWriteItem", "failed_entries": "sqs:SendMessageBatch"}


def check(rules: list[FaultRule]) -> list[ConfigProblem]:
    """Every problem of ``rules``, without lines."""
    problems = [] if rules else [ConfigProblem("rules", "an empty list", "at least one rule", "write a rule, or leave out --faults")]
    names: dict[str, int] = {}
    for index, rule in enumerate(rules):
        path = child("rules", index)
        for part in (_operation(rule), _combination(rule), _numbers(rule), _error(rule)):
            problems += [ConfigProblem(child(path, name) if name else path, found, expected, hint) for name, found, expected, hint in part]
        if rule.name and names.setdefault(rule.name, index) != index:
            problems.append(ConfigProblem(child(path, "name"), f"{shortened(rule.name)} a second time", "each name once", "choose another name"))
    return problems


Problem = tuple[str, str, str, str]
"""The member (``""`` for the rule), what was found, what was expected, and a hint."""


def _operation(rule: FaultRule) -> Iterator[Problem]:
    if rule.operation == "*":
        return
    service, colon, pattern = rule.operation.partition(":")
    found = f"the text {shortened(rule.operation)}"
    if not colon:
        yield "operation", found, "`service:Operation` or `*`", "write the service and the operation, such as `dynamodb:BatchWriteItem`"
    elif service not in SERVICES:
        yield "operation", found, f"a service: {listed(SERVICES)}", nearest_hint(service, SERVICES, "write one of these before the colon")
    elif not any(fnmatchcase(name, pattern) for name in operations(service)):
        hint = nearest_hint(pattern, operations(service), f"write an operation of the API of {service}, or `*`")
        yield "operation", found, f"an operation of {service}", hint.replace("write `", f"write `{service}:", 1) if hint.startswith("write `") else hint


def _combination(rule: FaultRule) -> Iterator[Problem]:
    given = [name for name in ACTIONS if getattr(rule, name) is not None]
    if not given and rule.delay_s is None:
        yield "", "no action", f"one of {listed((*ACTIONS, 'delay_s'))}", "say what the rule does"
    for name in given[1:]:
        yield name, f"`{name}` beside `{given[0]}`", "one action for each rule", "write two rules; the first that takes a call acts"
    chosen = [name for name in CHOICES if getattr(rule, name)]
    for name in chosen[1:]:
        yield name, f"`{name}` beside `{chosen[0]}`", f"one of {listed(CHOICES)}", "remove one of them, or write two rules"
    if rule.when == "after" and not {"cut", "status", "error"} & {*given}:
        yield "when", "`after` without `cut`, `status` or `error`", "one of these", "remove `when`"
    for name, operation in ONLY_FOR.items():
        if name in given and rule.operation != operation:
            yield name, f"`{name}` for `{rule.operation}`", f"`operation: {operation}`", f"write `operation: {operation}`, or another action"


def _numbers(rule: FaultRule) -> Iterator[Problem]:
    for name, low, high in (("every", 1, None), ("first", 1, None), ("cut_body_at", 0, None), ("status", 400, 599), ("delay_s", 0.001, DELAY_S_MAX)):
        value: Any = getattr(rule, name)
        if value is not None and not low <= value <= (high or value):
            yield name, f"the number {value:g}", f"a number from {low}" + (f" to {high}" if high else " up"), "correct the number"
    for name in ("chance", "unprocessed", "failed_entries"):
        value = getattr(rule, name)
        if value is not None and not 0 < value <= 1:
            hint = f"write {value / 100:g} for {value:g} %" if 1 < value <= 100 else "write a number such as 0.3"
            yield name, f"the number {value:g}", "a probability above 0 and at most 1", hint
    if any(number < 1 for number in rule.calls):
        yield "calls", f"the call {min(rule.calls)}", "numbers from 1 up", "count the calls from 1"
    if not 0 <= rule.from_s < rule.until_s:
        yield "from_s", f"from {rule.from_s:g} until {rule.until_s:g}", "a beginning from 0 up, before the end", "correct the seconds"


def _error(rule: FaultRule) -> Iterator[Problem]:
    service = rule.operation.partition(":")[0]
    known = {code: None for name, codes in ERRORS.items() for code in codes if service in (name, "*")}
    if service not in (*SERVICES, "*"):
        return
    if rule.error is not None and not known:
        yield "error", f"an error for {service}", f"an operation of {listed(ERRORS)}", "use `status` for this service"
    elif rule.error is not None and rule.error not in known:
        hint = nearest_hint(rule.error, known, "docs/faults.md lists them; `status` answers with any HTTP status")
        yield "error", f"the text {shortened(rule.error)}", listed(known), hint
    if not rule.reason:
        return
    if rule.reason not in REASONS:
        yield "reason", f"the text {shortened(rule.reason)}", listed(REASONS), nearest_hint(rule.reason, REASONS, "docs/faults.md explains them")
    elif rule.unprocessed is None and rule.error not in THROTTLES[:3] and rule.error in (None, *known):
        yield "reason", "`reason` without a throttling error", f"`unprocessed`, or `error`: {listed(THROTTLES[:3])}", "remove `reason`, or write one of these"
