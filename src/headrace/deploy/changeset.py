"""Change sets: what CloudFormation would do, and doing it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from headrace.deploy import services
from headrace.deploy.limits import TEMPLATE_BYTES_MAX
from headrace.deploy.names import Json
from headrace.errors import Deadline, HeadraceError, ServiceError
from headrace.ports import Clock

STACK_SECONDS_MAX = 1800
CHANGE_SET_SECONDS_MAX = 300

_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "DELETE_COMPLETE"}
_UNCHANGED = ("didn't contain changes", "no updates are to be performed")

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Change:
    """One change of a change set. ``action`` is Add, Modify, Remove, Import or Dynamic; ``replacement`` True, False, Conditional or empty."""

    action: str
    resource: str
    type: str
    replacement: str


@dataclass(frozen=True)
class Event:
    """One step of CloudFormation on one resource; ``reason`` is empty unless it failed."""

    resource: str
    type: str
    status: str
    reason: str


Progress = Callable[[Event], None]


@dataclass(frozen=True)
class ChangeSet:
    """A finished change set; without changes it cannot be executed."""

    id: str
    stack: str
    changes: tuple[Change, ...]


class Stacks:
    """CloudFormation, asked and waited for. Every wait ends: with Deadline at the latest."""

    def __init__(self, client: Any, clock: Clock, progress: Progress | None = None) -> None:
        self._client = client
        self._clock = clock
        self._progress = progress

    def describe(self, stack: str) -> Json | None:
        """CloudFormation's description of the stack, None if there is none. ``stack`` is a name or an id."""
        try:
            described: Json = services.call(self._client, "describe_stacks", StackName=stack)["Stacks"][0]
        except HeadraceError as error:
            if services.is_missing_stack(error):
                return None
            raise
        return None if described["StackStatus"] == "DELETE_COMPLETE" else described

    def status(self, stack: str) -> str:
        """Status of the stack, empty if there is none."""
        return str((self.describe(stack) or {}).get("StackStatus", ""))

    def prepare(self, stack: str, kind: str, document: Json, parameters: list[Json], **more: Any) -> ChangeSet:
        """Make a change set of ``kind`` CREATE, UPDATE or IMPORT and wait for it. Raises CHANGE_SET_FAILED, TEMPLATE_TOO_LARGE."""
        body = json.dumps(document, separators=(",", ":"))
        if len(body) > TEMPLATE_BYTES_MAX:
            message = f"the template has {len(body):,} bytes, at most {TEMPLATE_BYTES_MAX:,} fit in a call"
            raise HeadraceError("TEMPLATE_TOO_LARGE", message, hint="split the config into two stacks")
        name = f"headrace-{int(self._clock.now() * 1000)}"
        fixed = {"StackName": stack, "ChangeSetName": name, "ChangeSetType": kind, "TemplateBody": body, "Capabilities": ["CAPABILITY_IAM"]}
        made = services.call(self._client, "create_change_set", **fixed, Parameters=parameters, **more)
        described = self._wait(lambda: self._finished(made["Id"]), CHANGE_SET_SECONDS_MAX, f"the change set of {stack}")
        reason = described.get("StatusReason", "")
        if described["Status"] == "FAILED" and not any(phrase in reason.lower() for phrase in _UNCHANGED):
            issues = self._issues(ChangeSetName=made["Id"])
            raise ServiceError("CHANGE_SET_FAILED", f"stack {stack}: {issues or reason}", service_code="FAILED", hint="nothing was changed")
        changes = self._changes(described) if described["Status"] != "FAILED" else []
        return ChangeSet(made["Id"], made["StackId"], tuple(changes))

    def execute(self, change_set: ChangeSet) -> None:
        """Carry it out and wait for the end. Raises STACK_FAILED."""
        seen = self._event_ids(change_set.stack)
        services.call(self._client, "execute_change_set", ChangeSetName=change_set.id)
        self.follow(change_set.stack, seen)

    def discard(self, change_set: ChangeSet) -> None:
        """Delete it, and the empty stack that it may have begun."""
        services.call(self._client, "delete_change_set", ChangeSetName=change_set.id)
        if self.status(change_set.stack) == "REVIEW_IN_PROGRESS":
            services.call(self._client, "delete_stack", StackName=change_set.stack)

    def delete(self, stack: str) -> None:
        """Delete the stack and wait for the end. Raises STACK_FAILED."""
        described = self.describe(stack)
        if described is not None:
            identity = described["StackId"]  # a deleted stack is no longer found by its name
            seen = self._event_ids(identity)
            services.call(self._client, "delete_stack", StackName=identity)
            self.follow(identity, seen)

    def follow(self, stack_id: str, seen: set[str]) -> None:
        """Wait until nothing is in progress any more, telling each event not in ``seen``. Raises STACK_FAILED with resource and reason."""
        failures: list[Event] = []

        def poll() -> str | None:
            status = self.status(stack_id)
            for event in self._new_events(stack_id, seen):
                if self._progress:
                    self._progress(event)
                if event.status.endswith("_FAILED") and "cancelled" not in event.reason.lower():
                    failures.append(event)
            return None if status.endswith("_IN_PROGRESS") else status or "DELETE_COMPLETE"

        status = self._wait(poll, STACK_SECONDS_MAX, "the stack")
        if status not in _DONE:
            self._raise_failed(stack_id, status, failures)

    def _raise_failed(self, stack_id: str, status: str, failures: list[Event]) -> None:
        first = failures[0] if failures else Event("", "", "", "no resource was named")
        what = f"{first.resource} ({first.type}): {first.reason}" if first.resource else first.reason
        if "DescribeEvents" in first.reason:
            what = self._issues(StackName=stack_id) or what
        hint = (
            "CloudFormation has undone the change: correct the cause and deploy again" if "ROLLBACK_COMPLETE" in status else "see the stack in CloudFormation"
        )
        raise ServiceError("STACK_FAILED", f"stack {stack_id.split('/')[1]} ended as {status}: {what}", service_code=status, hint=hint)

    def _issues(self, **where: str) -> str:
        """What CloudFormation's validation before the deployment found, where the client knows that call (botocore from 2025-11 on)."""
        if not hasattr(self._client, "describe_events"):
            return ""
        events = services.call(self._client, "describe_events", **where).get("OperationEvents", [])
        failed = (event for event in events if event.get("ValidationStatus") == "FAILED")
        return "; ".join(
            f"{event.get('LogicalResourceId', '')} ({event.get('ResourceType', '')}): {event.get('ValidationStatusReason', '')}" for event in failed
        )

    def _finished(self, change_set: str) -> Json | None:
        described: Json = services.call(self._client, "describe_change_set", ChangeSetName=change_set)
        return described if described["Status"] in {"CREATE_COMPLETE", "FAILED"} else None

    def _changes(self, described: Json) -> list[Change]:
        """The changes of all pages; a page ends after 1 MB."""
        raw = list(described["Changes"])
        while token := described.get("NextToken"):
            described = services.call(self._client, "describe_change_set", ChangeSetName=described["ChangeSetId"], NextToken=token)
            raw += described["Changes"]
        found = (change["ResourceChange"] for change in raw)
        return [Change(one["Action"], one["LogicalResourceId"], one["ResourceType"], one.get("Replacement", "")) for one in found]

    def _event_ids(self, stack_id: str) -> set[str]:
        return {event["EventId"] for event in services.call(self._client, "describe_stack_events", StackName=stack_id)["StackEvents"]}

    def _new_events(self, stack_id: str, seen: set[str]) -> list[Event]:
        """Events that are not in ``seen``, oldest first; they are added to it."""
        answer = services.call(self._client, "describe_stack_events", StackName=stack_id)["StackEvents"]
        new = [event for event in reversed(answer) if event["EventId"] not in seen]
        seen.update(event["EventId"] for event in new)
        return [Event(one["LogicalResourceId"], one["ResourceType"], one["ResourceStatus"], one.get("ResourceStatusReason", "")) for one in new]

    def _wait(self, poll: Callable[[], Answer | None], seconds_max: float, what: str) -> Answer:
        """The first answer of ``poll`` that is not None."""
        start, pause = self._clock.monotonic(), 0.1
        while self._clock.monotonic() - start < seconds_max:
            if (answer := poll()) is not None:
                return answer
            self._clock.sleep(pause)
            pause = min(1.5 * pause, 3.0)
        raise Deadline("STACK_TIMEOUT", f"{what} is still in progress after {seconds_max:.0f} s", hint="it goes on by itself: repeat the command later")
