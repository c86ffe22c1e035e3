"""A generation is cut into chunks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headrace.ledger.entries import Span
from headrace.ledger.results import Busy, Claim, Committed, LeaseLost, Unknown
from ledger.scene import DONE, LEASE, OVER_S, Scene, id_of


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_event_of_a_planned_generation_gets_the_planner_s_lease_to_send_messages_again(scene: Scene) -> None:
    """Fault 35: until the planner gives chunk 0 back or loads it, its messages may not all be sent."""
    scene.planned()
    assert isinstance(scene.begin(), Busy)
    scene.clock.sleep(OVER_S)
    claim = scene.claimed()
    assert (claim.generation.chunks, claim.chunk.number, claim.chunk.end) == (3, 0, 100)
    assert scene.ledger.plan(claim, [Span(0, 1)]) == claim
    scene.ledger.commit(claim, DONE)
    duplicate = scene.begin()
    assert (type(duplicate).__name__, scene.seen().state) == ("Duplicate", "LOADING")


def test_plan_of_many_chunks_reads_its_spans_as_they_are_needed(scene: Scene) -> None:
    """10^5 chunks: more than a terabyte in chunks of 10 MB. Nothing is claimable before all are there."""
    taken = []

    def spans() -> Iterator[Span]:
        for number in range(100_000):
            taken.append(number)
            yield Span(number * 10, number * 10 + 10, number + 1)

    claim = scene.claimed()
    most: list[int] = []
    scene.table.around = lambda operation, is_done: most.append(len(taken))
    claim = scene.ledger.plan(claim, spans())  # type: ignore[assignment]  # a Claim
    scene.table.around = lambda operation, is_done: None
    assert most[0] <= 100
    assert (claim.generation.chunks, claim.generation.state, scene.seen().state) == (100_000, "PLANNED", "PLANNED")
    last = scene.ledger.claim(id_of(None), 99_999, LEASE)
    assert isinstance(last, Claim)
    assert (last.chunk.start, last.chunk.first_line) == (999_990, 100_000)
    assert sum(1 for _ in scene.ledger.chunks(id_of(None))) == 100_000


@pytest.mark.parametrize("spans", [(), (Span(3, 9, 2),)])
def test_plan_of_at_most_one_span_is_one_chunk(scene: Scene, spans: tuple[Span, ...]) -> None:
    claim = scene.ledger.plan(scene.claimed(), spans)
    assert isinstance(claim, Claim)
    assert (claim.generation.chunks, claim.chunk.start) == (1, 3 if spans else 0)
    assert scene.ledger.commit(claim, DONE) == Committed(None, "LOADED")


def test_plan_by_two_planners_one_after_the_other_is_the_later_one_s(scene: Scene) -> None:
    """The first one's lease ended half-way; what it left is not seen."""
    first = scene.claimed()

    def spans() -> Iterator[Span]:
        for number in range(500):
            if number == 300:
                scene.clock.sleep(OVER_S)
                assert isinstance(scene.ledger.plan(scene.claimed(), map(Span, range(1000, 1600))), Claim)
            yield Span(number)

    assert scene.ledger.plan(first, spans()) == LeaseLost()
    assert [chunk.start for chunk in scene.ledger.chunks(id_of(None))] == list(range(1000, 1600))
    assert scene.ledger.claim(id_of(None), 600, LEASE) == Unknown()
