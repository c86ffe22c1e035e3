"""The states of a generation: which may follow which, and that nothing else happens."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from headrace.ledger.entries import meta_key
from headrace.ledger.reopen import REOPENED
from headrace.ledger.results import Claim, Ending
from headrace.ledger.states import FINAL, STATES, TRANSITIONS, State, Stop, before
from ledger.scene import DONE, LEASE, OVER_S, SPANS, Scene, id_of, version


def test_transitions_are_complete_and_final_states_have_none_but_to_be_opened_again() -> None:
    assert set(TRANSITIONS) == set(STATES)
    assert {state for state, following in TRANSITIONS.items() if following in ((), ("PLANNED",))} == FINAL
    assert {state for state in FINAL if TRANSITIONS[state]} == set(REOPENED)
    assert set(get_args(Stop)) | {"RECEIVED", "PLANNED", "LOADING", "LOADED", "PARTIAL"} == set(STATES)
    assert before("PLANNED") == ("LOADING", "PARTIAL", "FAILED")
    assert before("RECEIVED") == ()


def place(scene: Scene, state: State) -> Claim:
    """A generation in ``state``, with the claim of its chunk 0."""
    claim = scene.claimed()
    scene.table.items[meta_key(id_of(None))]["state"] = state
    return replace(claim, generation=scene.seen())


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("stop", get_args(Stop))
def test_end_reaches_only_what_the_table_of_transitions_allows(state: State, stop: Stop) -> None:
    """With a claim and without one; a final state stays."""
    for with_claim in (True, False):
        scene = Scene()
        claim = place(scene, state)
        _ = scene.ledger.end(claim, Ending(stop)) if with_claim else scene.ledger.end_unclaimed(id_of(None), Ending(stop))
        assert scene.seen().state == (stop if stop in TRANSITIONS[state] else state)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("operation", ["commit", "plan", "claim", "finish", "overtake"])
def test_operation_reaches_only_what_the_table_of_transitions_allows(state: State, operation: str) -> None:
    """Whatever state it finds."""
    scene = Scene()
    claim = place(scene, state)
    match operation:
        case "commit" if state != "RECEIVED":
            scene.ledger.commit(claim, DONE)
        case "plan" if state != "RECEIVED":
            scene.ledger.plan(claim, SPANS)
        case "claim":
            scene.clock.sleep(OVER_S)
            scene.ledger.claim(id_of(None), 0, LEASE)
        case "finish":
            scene.ledger.finish(id_of(None))
        case "overtake":
            scene.begin(version(2))
    after = scene.seen().state
    assert after == state or after in TRANSITIONS[state]
    if state in FINAL:
        assert after == state
