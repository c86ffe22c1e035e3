"""``headrace replay``: what failed, or was rejected, is loaded again."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import click

from headrace.cli import render
from headrace.cli.failure import ACCEPTED, FAILED, REJECTED, usage
from headrace.cli.ledger_access import LedgerAccess, open_ledger
from headrace.cli.ledger_view import count, document, replays, show_details
from headrace.cli.options import OpenAws, aws_options, config_option, output_options
from headrace.cli.replay_rejected import ReplayedRecords, replay_rejected
from headrace.config.compiled import rules_hash
from headrace.config.model import Config
from headrace.config.order import is_ordered
from headrace.deploy import services
from headrace.errors import HeadraceError
from headrace.events.own import replay_body, task_body
from headrace.ledger.entries import Generation
from headrace.ledger.reopen import REOPENED, reopen
from headrace.ports import Replay, SystemClock, Task

EPILOG = """\b
Examples:
  headrace replay incoming/orders/2024.csv
  headrace replay 5f0c3a52b1d04b6f9f0a6f3c1f7f2f11 --rejected
  headrace replay incoming/orders/2024.csv --whole

Exit codes: 0 sent, or all accepted; 1 failed; 2 wrong usage or config; 3 some records were rejected again."""


@click.command(epilog=EPILOG)
@click.argument("name", metavar="KEY|GENERATION")
@click.option("--rejected", "is_rejected", is_flag=True, help="Load its rejected records again, from this machine.")
@click.option("--whole", "is_whole", is_flag=True, help="Have the function load the whole object again.")
@config_option
@aws_options
@output_options
def replay(*, name: str, is_rejected: bool, is_whole: bool, config_path: Path | None, open_aws: OpenAws, as_json: bool) -> int:
    """Load again what failed or was rejected, after its cause is mended.

    KEY is an object's key, or s3://bucket/key, and stands for its version that counts; GENERATION is one load of `headrace history --object KEY`.

    A load that is still open goes on where it was, and so does one of several chunks that ended as FAILED or PARTIAL, while its route is the
    same: what is done stays, what failed or stopped goes on. Any other that ended as FAILED, PARTIAL, MISSING or SKIPPED is done once more as a
    whole by the deployed function: deploy a changed config before. Of one that is LOADED the rejected records are put together again and loaded
    from this machine, with the config and the transforms here. No replay overwrites a newer version.

    If the keys of records repeat within the file, take --whole: a rejected record that is replayed overwrites a later one of its key.
    """
    if is_rejected and is_whole:
        raise usage("--rejected and --whole", "choose one: --whole loads the rejected records too")
    access = open_ledger(config_path, open_aws)
    plan = plan_of(access, access.find(name), "rejected" if is_rejected else "whole" if is_whole else None)
    if plan.what == "rejected":
        done = replay_rejected(access, plan.generation, plan.number, render.stderr())
        return _told(done, as_json=as_json)
    plan, sent = _sent(access, plan)
    if as_json:
        click.echo(json.dumps({"replayed": plan.what, "key": plan.generation.key, "generation": plan.generation.id, "messages": sent}))
    else:
        _show_sent(plan, sent)
    return ACCEPTED


@dataclass(frozen=True)
class Plan:
    """What is to be done about ``generation``: its open chunks go on, or what is left of it; all of it is loaded again, or its rejected records are.

    These for the ``number``-th time.
    """

    generation: Generation
    what: Literal["open", "rest", "whole", "rejected"]
    number: int = 1


def plan_of(access: LedgerAccess, generation: Generation, asked: Literal["whole", "rejected"] | None) -> Plan:
    """What a replay of ``generation`` is. Raises REPLAY_SUPERSEDED, NOT_ENDED, NOT_LOADED, REPLAYED_ALREADY or NOTHING_TO_REPLAY."""
    if generation.state == "SUPERSEDED":
        hint = f"`headrace replay {generation.key}` is about the version that counts"
        raise HeadraceError("REPLAY_SUPERSEDED", f"generation {generation.id} is SUPERSEDED: a newer version of the object counts", hint=hint)
    if generation.records == "rejected" and generation.state != "LOADED" and asked != "whole" and generation.replay_of:
        return plan_of(access, _known(access, generation.replay_of), "rejected")  # the same records once more
    if generation.is_final:
        is_whole = asked == "whole" or (asked is None and generation.state != "LOADED")
        return _whole(access, generation, is_asked=asked == "whole") if is_whole else _rejected(access, generation)
    if asked:
        message = f"generation {generation.id} is {generation.state}, expected one that ended"
        raise HeadraceError("NOT_ENDED", message, hint="leave out the option to have it go on, or wait until it has ended: see `headrace status`")
    return Plan(generation, "open")


def _whole(access: LedgerAccess, generation: Generation, *, is_asked: bool) -> Plan:
    before = _last(access, generation, "all")
    if before is None:
        return Plan(generation, "rest" if not is_asked and _has_rest(access.config, generation) else "whole")
    if not before.is_final:
        return Plan(before, "open")
    if before.state in ("LOADED", "PARTIAL") and not is_asked:
        raise _replayed(generation, before)
    return Plan(generation, "whole", before.replay_number + 1)


def _has_rest(config: Config, generation: Generation) -> bool:
    """Whether a load of several chunks may go on by the route as it is: one that reads or makes items in another way has to load all of it.

    Where repeated keys are settled, what was noted of a chunk that stopped at a limit is closed.
    """
    route = next((route for route in config.routes if route.name == generation.route), None)
    if route is None or generation.chunks == 1 or generation.config_hash != rules_hash(config, route):
        return False
    return generation.state in REOPENED and not (generation.is_partial and is_ordered(route))


def _rejected(access: LedgerAccess, generation: Generation) -> Plan:
    if generation.state != "LOADED":
        message = f"{generation.key} is {generation.state}: it was not read to its end, so its rejected records are not all"
        raise HeadraceError("NOT_LOADED", message, hint="leave out --rejected: the whole object is loaded again")
    if not count(generation, "rejected"):
        message = f"{generation.key} is LOADED, and none of its records was rejected"
        raise HeadraceError("NOTHING_TO_REPLAY", message, hint="--whole has the object loaded again all the same")
    before = _last(access, generation, "rejected")
    if before is None:
        return Plan(generation, "rejected")
    if before.state == "LOADED":
        raise _replayed(generation, before)
    return Plan(generation, "rejected", before.replay_number + (1 if before.is_final else 0))


def _last(access: LedgerAccess, generation: Generation, records: str) -> Generation | None:
    return max(replays(access.ledger, generation, records), key=lambda each: each.replay_number, default=None)


def _replayed(generation: Generation, before: Generation) -> HeadraceError:
    message = f"generation {generation.id} was replayed as {before.id}: {before.state}, {count(before, 'rejected'):,} rejected"
    hint = f"`headrace replay {before.id}` is about what that left; --whole has the object loaded again"
    return HeadraceError("REPLAYED_ALREADY", message, hint=hint)


def _known(access: LedgerAccess, generation_id: str) -> Generation:
    found = access.ledger.generation(generation_id)
    if found is None:
        raise HeadraceError("GENERATION_UNKNOWN", f"the history of generation {generation_id} is deleted", hint="--whole has the object loaded again")
    return found


def _sent(access: LedgerAccess, plan: Plan) -> tuple[Plan, int]:
    """Do what is planned, and say what that was and how many messages were sent."""
    if plan.what == "rest" and (reopened := reopen(access.store, plan.generation.id)):
        return replace(plan, generation=reopened), _go_on(access, reopened, until=math.inf)
    if plan.what == "open":
        return plan, _go_on(access, plan.generation, until=access.now)
    return replace(plan, what="whole"), _send_whole(access, Replay(plan.generation.id, plan.number))


def _go_on(access: LedgerAccess, generation: Generation, *, until: float) -> int:
    """Send a message for each chunk that is not done and that nobody has a lease of beyond ``until``; how many."""
    chunks = [each for each in access.ledger.chunks(generation.id) if each.state != "DONE" and (each.leased_until or 0) < until]
    _send(access, access.config.chunks_queue, [task_body(Task(generation.id, each.number)) for each in chunks])
    return len(chunks)


def _send_whole(access: LedgerAccess, asked: Replay) -> int:
    _send(access, access.config.events_queue, [replay_body(asked)])
    return 1


def _send(access: LedgerAccess, queue: str, bodies: list[str]) -> None:
    """Bring messages to the function, by its queue or, where it has none, directly."""
    if access.config.source.trigger == "direct":
        function = access.aws.client("lambda")
        for body in bodies:
            services.call(function, "invoke", FunctionName=access.config.loader_function, InvocationType="Event", Payload=body.encode())
        return
    found = services.find(access.aws.client("sqs"), "get_queue_url", QueueName=queue)
    if found is None:
        raise HeadraceError("QUEUE_MISSING", f"no queue {queue} in {access.aws.region}", hint="deploy the stack with `headrace deploy`")
    account = str(found["QueueUrl"]).split("/")[-2]
    access.aws.send_messages(f"arn:aws:sqs:{access.aws.region}:{account}", queue, bodies, clock=SystemClock())


def _show_sent(plan: Plan, sent: int) -> None:
    console = render.stdout()
    key = plan.generation.key
    if plan.what == "whole":
        render.line(console, f"{key}: the function is told to load it again, as a replay of {plan.generation.id}", style="green")
    elif plan.what == "rest":
        left = f"{plan.generation.chunks_done:,} of {plan.generation.chunks:,} chunks are done and stay"
        render.line(console, f"{key}: opened again; {left}, {sent:,} sent to the function, which goes on with them", style="green")
    elif sent:
        render.line(
            console, f"{key}: {plan.generation.state}; {sent:,} {'chunk' if sent == 1 else 'chunks'} sent to the function, which goes on with it", style="green"
        )
    else:
        render.line(console, f"{key}: {plan.generation.state}; somebody is at work on all that is left, so nothing was sent", style="yellow")
    render.line(console, f"next: headrace history --object {shlex.quote(key)}", style="cyan")


def _told(done: ReplayedRecords, *, as_json: bool) -> int:
    """What became of the rejected records, and the exit code of that."""
    generation = done.generation
    if as_json:
        click.echo(json.dumps({"replayed": "rejected", "left": done.left, **document(generation)}))
    else:
        console = render.stdout()
        show_details(console, [generation])
        if done.left:
            render.line(console, f"{done.left:,} more cannot be replayed: not kept whole, or without certain bounds; correct the file", style="yellow")
        if count(generation, "rejected"):
            render.line(console, f"next: headrace errors {generation.id}", style="cyan")
    if generation.state != "LOADED":
        return FAILED
    return REJECTED if done.left or count(generation, "rejected") else ACCEPTED
