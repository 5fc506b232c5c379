"""`weir simulate replay`: what a server's last jobs would have met under other policies.

The server simulates, from its own records; here it is asked for, waited for and shown.
"""

from __future__ import annotations

from functools import partial

import click

from weir.cli.output import Column, Sheet, note, print_json, say, show_sheet
from weir.cli.session import Session, prints
from weir.cli.values import stamp
from weir.client.http import Client
from weir.core.errors import BadInput
from weir.wire.mistakes import validated
from weir.wire.replays import ReplayAnswer, ReplayRequest, ReplayResult, best_of

POLL_S = 1.0
AS_IT_WAS = "as it was"


@click.command()
@click.option(
    "--policy", "policies", metavar="NAME,...", required=True, help="The policies to compare."
)
@click.option("--days", type=float, default=7.0, show_default=True, help="How far to go back.")
@prints
def replay(session: Session, policies: str, days: float, as_json: bool) -> None:
    """The last days of a server's jobs once more, under other policies.

    What really happened stands beside it. `weir policy set NAME` sets the one that is better.
    """
    names = [name.strip() for name in policies.split(",") if name.strip()]
    asked = validated(ReplayRequest, {"policies": names, "days": days}, "the request")
    with session.client() as client:
        found = _wait(session, client, client.ask_replay(asked))
    if as_json:
        print_json(found)
    if found.state == "failed":
        raise BadInput(f"the replay has failed: {found.detail}")
    if not as_json:
        assert found.result is not None, "what is done has a result"
        _show(found.result)


def _wait(session: Session, client: Client, found: ReplayAnswer) -> ReplayAnswer:
    """Until it is done or has failed; a server that is away for a moment is asked again."""
    patience, said, ask = session.patience(), "", partial(client.replay, found.id)
    note(f"replay {found.id} of the last {found.days:g} days; the server works on it")
    while found.state in ("queued", "running"):
        session.sleep(POLL_S)
        found = patience.ask(ask)
        if found.detail and found.detail.split(":")[0] != said:
            said = found.detail.split(":")[0]
            note(f"{said}: {found.share:.0%} of it is done")
    return found


def _show(result: ReplayResult) -> None:
    """The measures, a column a policy, the best of a row marked."""
    from weir.sim.results import BY_NAME
    from weir.sim.shown import cells, label

    say(
        f"{result.jobs} jobs submitted from {stamp(result.begin)} to {stamp(result.end)}, "
        f"on {result.pools} pools"
    )
    say()
    names = [column.policy or AS_IT_WAS for column in result.columns]
    sheet = Sheet((Column(""), *(Column(name, right=True) for name in names)))
    for measure in result.measures:
        values = [column.numbers.get(measure.name) for column in result.columns]
        known = BY_NAME.get(measure.name)
        if known is None or all(value is None for value in values):
            continue
        texts, best = cells(known, values, result.currency), best_of(measure, values)
        marked = (f"* {t}" if i in best else t for i, t in enumerate(texts))
        sheet.add(label(known, result.devices), *marked)
    show_sheet(sheet)
    say("* the best of its row", style="dim")
    for left in result.left_out:
        note(f"{left.jobs} jobs are left out: they {left.why}.")
    for line in result.notes:
        note(line)
