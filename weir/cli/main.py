"""The `weir` command: the table of its verbs. A verb's code is loaded when it is called.

Exit codes: 0 done; 1 it failed; 2 the command or its input has mistakes; 3 no server answers;
124 the time is over; 130 Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from weir import __version__
from weir.cli.session import Session, server_option
from weir.core.errors import WeirError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class Verb(NamedTuple):
    """A command: where its code is (`module:function`), and what it does in a line."""

    target: str
    help: str


SECTIONS: Mapping[str, Mapping[str, Verb]] = {
    "Jobs": {
        "find": Verb("weir.cli.find:find", "Where a job could run, ranked, and why not elsewhere."),
        "submit": Verb("weir.cli.submit:submit", "Submit jobs."),
        "jobs": Verb("weir.cli.jobs:jobs", "List jobs."),
        "show": Verb("weir.cli.show:show", "Show a job: its runs, its path and its history."),
        "why": Verb("weir.cli.why:why", "Why a job waits, or runs where it runs."),
        "logs": Verb("weir.cli.logs:logs", "Print what a job writes."),
        "files": Verb("weir.cli.files:files", "List a job's files."),
        "fetch": Verb("weir.cli.files:fetch", "Bring a job's files here."),
        "wait": Verb("weir.cli.wait:wait", "Wait until jobs have ended."),
        "cancel": Verb("weir.cli.cancel:cancel", "Cancel jobs."),
        "job": Verb(
            "weir.cli.job:job", "Check job files, print their schema, tell what a job uses."
        ),
    },
    "The network": {
        "pools": Verb("weir.cli.pools:pools", "List pools, what is free in them, and their price."),
        "clusters": Verb("weir.cli.clusters:clusters", "List clusters and their agents' health."),
        "cluster": Verb("weir.cli.clusters:cluster", "Remove a cluster or a link."),
        "lease": Verb("weir.cli.lease:lease", "Promise hosts to a queue or a user for a time."),
        "queues": Verb("weir.cli.queues:queues", "List or change queues: shares, quotas."),
        "indicators": Verb("weir.cli.indicators:indicators", "The network in numbers."),
        "top": Verb("weir.cli.top:top", "Watch the network live: sites, pools, jobs."),
        "links": Verb("weir.cli.links:links", "List links: round trip, jitter and loss."),
        "report": Verb("weir.cli.report:report", "Make the sheet of a month: md, csv or html."),
        "downtime": Verb("weir.cli.downtime:downtime", "Declare downtimes; see what was up."),
        "alerts": Verb("weir.cli.alerts:alerts", "List alerts, silence them, send notices."),
        "id": Verb("weir.cli.identifiers:identifier", "Look identifiers up."),
        "device": Verb("weir.cli.device:device", "The catalog of accelerators, with sources."),
    },
    "What if": {
        "simulate": Verb(
            "weir.cli.simulate:simulate", "Replay jobs under other policies, in other networks."
        ),
    },
    "Servers": {
        "up": Verb("weir.cli.up:up", "Start a whole network from one file, on this machine."),
        "demo": Verb("weir.cli.demo:demo", "Start an example network and run jobs on it."),
        "policies": Verb("weir.cli.policies:policies", "List the scheduling policies."),
        "policy": Verb("weir.cli.policy:policy", "Show or change the policy of a domain."),
        "serve": Verb("weir.cli.serve:serve", "Run a domain's server."),
        "agent": Verb("weir.cli.agent:agent", "Run the agent of a cluster."),
        "server": Verb("weir.cli.server:server", "Name servers, and choose the default one."),
        "token": Verb("weir.cli.tokens:token", "Make and revoke people's tokens."),
        "joins": Verb("weir.cli.joins:joins", "Approve or refuse who has joined."),
        "join-token": Verb("weir.cli.tokens:join_token", "Invite a site or a domain to join."),
    },
}
VERBS: Mapping[str, Verb] = {n: v for section in SECTIONS.values() for n, v in section.items()}


class Verbs(click.Group):
    """A group that loads a command when it is called, and prints errors in one place."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        module, _, function = verb.target.partition(":")
        command = getattr(import_module(module), function)
        assert isinstance(command, click.Command), f"{verb.target} is not a command"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(map(len, VERBS))
        for title, verbs in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(widest), v.help) for name, v in verbs.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = _near(args[0])
            if near is None:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near!r}?", ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        return reported(ctx, lambda: super(Verbs, self).invoke(ctx))


def reported(ctx: click.Context, work: Callable[[], Any]) -> Any:
    """`work()`; an expected error is printed with a way out, and becomes the exit code."""
    try:
        return work()
    except KeyboardInterrupt:
        ctx.exit(INTERRUPTED)
    except (WeirError, OSError) as error:
        from weir.cli.output import exit_code, of_system, print_error

        found = of_system(error)
        if found is None:
            raise
        print_error(found)
        ctx.exit(exit_code(found))


def _near(name: str) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, VERBS, 1)), None)


@click.group(
    name="weir",
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start a network to try things on with `weir up examples/network.yaml`.",
)
@server_option
@click.version_option(__version__, "--version", message="weir %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Weir joins computing centers into one compute network.

    The server to talk to is --server, or WEIR_URL with WEIR_TOKEN_FILE, or the default of
    context.json in WEIR_HOME, in ~/.weir, or in the nearest .weir at or above this folder.
    """
    ctx.ensure_object(Session)
