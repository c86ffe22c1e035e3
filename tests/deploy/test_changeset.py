"""What is said when CloudFormation fails, stalls or has nothing to do, with a CloudFormation that is told what to answer."""

from __future__ import annotations

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.deploy_samples import config
from headrace.deploy.changeset import STACK_SECONDS_MAX, ChangeSet, Stacks
from headrace.deploy.names import Json
from headrace.deploy.readback import covers
from headrace.deploy.template import template
from headrace.deploy.verify import verify_function
from headrace.errors import Deadline, HeadraceError, ServiceError

STACK_ID = "arn:aws:cloudformation:eu-central-1:111122223333:stack/acme/1"


class FakeClock:
    """Time passes only by sleeping."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    monotonic = now

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class FakeClient:
    """Answers each operation by a function of its arguments."""

    def __init__(self, **answers: Any) -> None:
        self.__dict__.update(answers)

    class meta:
        class service_model:
            service_name = "cloudformation"

        method_to_api_mapping: dict[str, str] = {}  # noqa: RUF012 - stands for botocore's own attribute


def event(number: int, resource: str, status: str, reason: str = "") -> Json:
    return {"EventId": str(number), "LogicalResourceId": resource, "ResourceType": "AWS::Test::Thing", "ResourceStatus": status, "ResourceStatusReason": reason}


def cloudformation(status: str, events: list[Json], **more: Any) -> FakeClient:
    described = {"Stacks": [{"StackId": STACK_ID, "StackStatus": status}]}
    return FakeClient(describe_stacks=lambda **_: described, describe_stack_events=lambda **_: {"StackEvents": events}, **more)


def test_follow_when_the_stack_fails_names_the_first_cause() -> None:
    """Of all failures the first one that is not a mere cancellation is the cause; what was seen before does not count."""
    events = [
        event(4, "Bucket", "CREATE_FAILED", "Resource creation cancelled"),
        event(3, "Role", "CREATE_FAILED", "Resource creation cancelled"),
        event(2, "Queue", "CREATE_FAILED", "too short"),
        event(1, "Old", "CREATE_FAILED", "last week"),
    ]
    with pytest.raises(ServiceError, match=r"stack acme ended as ROLLBACK_COMPLETE: Queue \(AWS::Test::Thing\): too short") as caught:
        Stacks(cloudformation("ROLLBACK_COMPLETE", events), FakeClock()).follow(STACK_ID, {"1"})
    assert caught.value.code == "STACK_FAILED"


def test_follow_when_validation_fails_says_what_it_found() -> None:
    """CloudFormation's own words only point to DescribeEvents, so that is asked."""
    found = {"LogicalResourceId": "Bucket", "ResourceType": "AWS::S3::Bucket", "ValidationStatus": "FAILED", "ValidationStatusReason": "name is taken"}
    events = [event(1, "acme", "CREATE_FAILED", "Validation failed with 1 error(s). Call DescribeEvents")]
    client = cloudformation("ROLLBACK_COMPLETE", events, describe_events=lambda **_: {"OperationEvents": [found]})
    with pytest.raises(ServiceError, match=r"Bucket \(AWS::S3::Bucket\): name is taken"):
        Stacks(client, FakeClock()).follow(STACK_ID, set())


def test_follow_when_the_stack_never_ends_gives_up() -> None:
    """The wait is bounded, and the error says that it goes on."""
    clock = FakeClock()
    with pytest.raises(Deadline) as caught:
        Stacks(cloudformation("UPDATE_IN_PROGRESS", []), clock).follow(STACK_ID, set())
    assert caught.value.code == "STACK_TIMEOUT"
    assert STACK_SECONDS_MAX <= clock.seconds < STACK_SECONDS_MAX + 10


@pytest.mark.parametrize("reason", ["The submitted information didn't contain changes.", "No updates are to be performed."])
def test_prepare_when_nothing_changed_gives_no_changes(reason: str) -> None:
    """CloudFormation says it as a failure; it is none."""
    answers = {
        "create_change_set": lambda **_: {"Id": "change-set", "StackId": STACK_ID},
        "describe_change_set": lambda **_: {"Status": "FAILED", "StatusReason": reason},
    }
    assert Stacks(FakeClient(**answers), FakeClock()).prepare("acme", "UPDATE", {}, []) == ChangeSet("change-set", STACK_ID, ())


def test_prepare_when_refused_gives_cloudformations_reason() -> None:
    """Any other failure of a change set is an error, and nothing was changed."""
    answers = {
        "create_change_set": lambda **_: {"Id": "change-set", "StackId": STACK_ID},
        "describe_change_set": lambda **_: {"Status": "FAILED", "StatusReason": "Template error: circular dependency"},
    }
    with pytest.raises(ServiceError, match="circular dependency") as caught:
        Stacks(FakeClient(**answers), FakeClock()).prepare("acme", "UPDATE", {}, [])
    assert caught.value.code == "CHANGE_SET_FAILED"


def test_prepare_when_changes_have_pages_gives_all() -> None:
    """The description of a change set ends after 1 MB and goes on with a token."""

    def describe(NextToken: str = "", **_: Any) -> Json:
        change = {"ResourceChange": {"Action": "Add", "LogicalResourceId": f"R{NextToken}", "ResourceType": "AWS::Test::Thing"}}
        return {"Status": "CREATE_COMPLETE", "ChangeSetId": "change-set", "Changes": [change]} | ({} if NextToken else {"NextToken": "2"})

    client = FakeClient(create_change_set=lambda **_: {"Id": "change-set", "StackId": STACK_ID}, describe_change_set=describe)
    assert [change.resource for change in Stacks(client, FakeClock()).prepare("acme", "CREATE", {}, []).changes] == ["R", "R2"]


def test_prepare_when_the_template_is_too_large_says_so_before_any_call() -> None:
    """51,200 bytes fit in a call."""
    with pytest.raises(HeadraceError) as caught:
        Stacks(FakeClient(), FakeClock()).prepare("acme", "CREATE", {"Description": "x" * 60_000}, [])
    assert caught.value.code == "TEMPLATE_TOO_LARGE"


def test_describe_when_the_stack_is_missing_gives_none_and_other_errors_stay() -> None:
    """CloudFormation's code for a missing stack is that of any mistake."""

    def refused(message: str) -> Any:
        def describe(**_: Any) -> None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")  # type: ignore[typeddict-item]  # a short answer

        client = FakeClient(describe_stacks=describe)
        client.meta.method_to_api_mapping["describe_stacks"] = "DescribeStacks"
        return client

    assert Stacks(refused("Stack with id acme does not exist"), FakeClock()).describe("acme") is None
    with pytest.raises(HeadraceError, match="1 validation error"):
        Stacks(refused("1 validation error detected"), FakeClock()).describe("acme")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b'{"statusCode": 200, "body": "Mock response - no code deployed"}', None),
        (b'{"errorType": "Runtime.ImportModuleError"}', "Unhandled"),
        (b'{"batchItemFailures": [{"itemIdentifier": "0"}]}', None),
        (b"null", None),
        (b"\xff not json", None),
    ],
)
def test_verify_function_when_the_answer_is_not_proper_raises(answer: bytes, error: str | None) -> None:
    """An emulator answers for missing code, and messages would be taken for loaded."""
    reply = {"Payload": io.BytesIO(answer)} | ({"FunctionError": error} if error else {})
    with pytest.raises(ServiceError) as caught:
        verify_function(config(), lambda _: FakeClient(invoke=lambda **_: reply))
    assert caught.value.code == "FUNCTION_BROKEN"


def test_verify_function_when_the_answer_is_proper_is_content() -> None:
    """No message failed."""
    verify_function(config(), lambda _: FakeClient(invoke=lambda **_: {"Payload": io.BytesIO(b'{"batchItemFailures": []}')}))


@pytest.mark.parametrize(
    ("expected", "found", "is_covered"),
    [
        (300, 300.0, True),
        (300, "300", True),
        (True, "true", True),
        (True, False, False),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {}, False),
        ([1, 2], [2, 1], True),
        ([1], [1, 2], False),
        ([{"a": [1]}], [{"a": [1], "b": 0}], True),
        ("ENABLED", None, False),
        (None, {"Sid": "Wide"}, False),
        ({}, None, False),
    ],
)
def test_covers_when_compared_ignores_what_services_add_and_how_they_write(expected: object, found: object, is_covered: bool) -> None:
    """Order, numbers as text and further members are the services' own; everything else is a difference."""
    assert covers(expected, found) is is_covered


def test_template_when_made_twice_is_equal_and_shares_nothing() -> None:
    """Changing one template does not change the next."""
    first = template(config())
    first["Resources"]["Queue"]["Properties"].clear()
    first["Resources"]["TableOrders"]["Metadata"].clear()
    assert template(config())["Resources"]["Queue"]["Properties"]
    assert template(config())["Resources"]["TableOrders"]["Metadata"]
