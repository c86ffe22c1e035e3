"""The pure parts of the function host: batch answers, output pipes, metrics and reports."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.local.batch_answer import batch_answer_fault, sqs_source, without_null_list
from headrace.local.metrics import embedded_metrics
from headrace.local.output_pipes import OutputPipe
from headrace.local.report import Report, end_lines

EVENT = {"Records": [{"eventSource": "aws:sqs", "eventSourceARN": "arn:queue", "messageId": name} for name in ("one", "two")]}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


@settings(deadline=None)
@given(json_values)
def test_any_list_with_an_entry_that_is_no_message_fails_the_batch(junk: object) -> None:
    """One entry that does not name a message of the batch is enough, whatever it is."""
    answer = {"batchItemFailures": [{"itemIdentifier": "one"}, junk]}
    assert batch_answer_fault(EVENT, json.dumps(answer).encode())
    assert batch_answer_fault(EVENT, json.dumps({"batchItemFailures": [{"itemIdentifier": junk}]}).encode())


@settings(deadline=None)
@given(st.lists(st.sampled_from(["one", "two"])))
def test_names_of_messages_in_the_batch_are_a_good_answer(names: list[str]) -> None:
    """Any of the batch's messages may be named, in any order and twice."""
    assert batch_answer_fault(EVENT, json.dumps({"batchItemFailures": [{"itemIdentifier": name} for name in names]}).encode()) is None


@pytest.mark.parametrize("answer", [b"", b"null", b'""', b"{}", b'{"batchItemFailures": null}', b'{"statusCode": 200}'])
def test_documented_forms_of_success_are_no_fault(answer: bytes) -> None:
    """Lambda takes each of these for a full success."""
    assert batch_answer_fault(EVENT, answer) is None


def test_only_events_of_queues_have_a_source() -> None:
    """The rules are for SQS alone."""
    assert sqs_source(EVENT) == "arn:queue"
    assert [sqs_source(event) for event in (None, [], {}, {"Records": []}, {"Records": [{"eventSource": "aws:s3"}]})] == [None] * 5


def test_null_list_is_put_in_other_words_and_nothing_else_is() -> None:
    """Only the answer that MiniStack misunderstands is changed."""
    assert without_null_list(b'{"batchItemFailures": null}') == b"null"
    for answer in (b'{"batchItemFailures": []}', b'["batchItemFailures"]', b'{"a": {"batchItemFailures": null}}', b"", b"1"):
        assert without_null_list(answer) == answer


@settings(deadline=None)
@given(st.lists(st.text(max_size=50).map(lambda text: text.replace("\r", " ").rstrip("\n"))), st.booleans(), st.data())
def test_messages_survive_any_way_of_being_cut(messages: list[str], is_framed: bool, data: st.DataObject) -> None:
    """However the bytes arrive, the messages come out whole, framed ones with their line ends."""
    if is_framed:
        sent = b"".join(b"\xa5\x5a\x00\x03" + len(text.encode()).to_bytes(4, "big") + bytes(8) + text.encode() for text in messages)
    else:
        messages = [text.replace("\n", " ") for text in messages]
        sent = b"".join(text.encode() + b"\n" for text in messages)
    got: list[str] = []
    pipe = OutputPipe(got.append, is_framed=is_framed)
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        os.write(pipe.child_end, sent[:size])
        sent = sent[size:]
        while pipe.pump():
            pass
    os.close(pipe.child_end)
    pipe.close()
    assert got == messages


def test_unfinished_line_comes_out_at_the_end() -> None:
    """A process that is killed in the middle of a line has still said it."""
    got: list[str] = []
    pipe = OutputPipe(got.append, is_framed=False)
    os.write(pipe.child_end, b"whole\nhalf")
    os.close(pipe.child_end)
    assert pipe.pump()
    assert not pipe.pump()
    pipe.close()
    assert got == ["whole", "half"]


def test_embedded_metrics_have_every_set_of_dimensions() -> None:
    """Each metric comes once per set of dimensions, with all its values; no set at all means none."""
    directives = [
        {"Namespace": "N", "Dimensions": [["A"], ["A", "B"]], "Metrics": [{"Name": "M", "Unit": "Bytes"}]},
        {"Namespace": "O", "Metrics": [{"Name": "K"}]},
    ]
    line = {"_aws": {"Timestamp": 1_700_000_000_000, "CloudWatchMetrics": directives}, "A": "a", "B": 2, "M": [1, 2], "K": 3}
    a, b = {"Name": "A", "Value": "a"}, {"Name": "B", "Value": "2"}
    common = {"MetricName": "M", "Timestamp": 1_700_000_000.0, "Values": [1.0, 2.0], "Unit": "Bytes"}
    assert list(embedded_metrics(json.dumps(line))) == [
        ("N", common | {"Dimensions": [a]}),
        ("N", common | {"Dimensions": [a, b]}),
        ("O", {"MetricName": "K", "Dimensions": [], "Timestamp": 1_700_000_000.0, "Values": [3.0], "Unit": "None"}),
    ]


def test_report_line_of_a_timeout_names_it_and_bills_initialisation() -> None:
    """The REPORT line has Lambda's fields; billed time is initialisation and run together, rounded up."""
    report = Report("f", "r", 0.0, 1000.2, 128, 90, 99.1, "s", {"errorType": "Sandbox.Timedout"})
    end, line = end_lines("Text", report)
    assert end == "END RequestId: r"
    assert line.split("\t") == [
        "REPORT RequestId: r",
        "Duration: 1000.20 ms",
        "Billed Duration: 1100 ms",
        "Memory Size: 128 MB",
        "Max Memory Used: 90 MB",
        "Init Duration: 99.10 ms",
        "Status: timeout",
    ]
    (line,) = end_lines("JSON", report)
    assert json.loads(line)["record"]["status"] == "timeout"
