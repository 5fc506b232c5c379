"""`weir serve`: run one domain's server."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from socket import socket
from types import FrameType

import click
import uvicorn
from fastapi import FastAPI

from weir.bootstrap.garbage import collect_seldom
from weir.bootstrap.server import ServerSettings, make_server
from weir.bootstrap.turns import take_short_turns
from weir.cli.output import say
from weir.cli.policies import no_queues, policy_for
from weir.control.alerts import shipped_rules
from weir.control.context import DomainSettings
from weir.control.queues import queues_from
from weir.core.errors import BadInput
from weir.core.indicator_view import RACK_W
from weir.scheduling.snapshot import Queue
from weir.wire.alerts import read_rules_file
from weir.wire.queues import read_queues_file
from weir.wire.retention import read_keeps


@click.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The directory for all data of this server.",
)
@click.option("--name", required=True, help="This domain's name, for example region-east.")
@click.option("--kind", type=click.Choice(["national", "regional", "industry"]), required=True)
@click.option(
    "--code",
    default="CN",
    show_default=True,
    help="National only: the 2 to 4 letters that all identifiers begin with.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=7500, show_default=True)
@click.option("--url", default="", help="The address that others reach this server by.")
@click.option(
    "--database",
    envvar="WEIR_DATABASE",
    default="",
    help="An SQLAlchemy URL; SQLite under --home by default. Better by WEIR_DATABASE.",
)
@click.option(
    "--files",
    envvar="WEIR_FILES",
    default="",
    help="Where logs and results are kept: a directory or an fsspec URL.",
)
@click.option(
    "--series",
    envvar="WEIR_SERIES",
    default="",
    help="The URL of a VictoriaMetrics that is fed too, and answers Prometheus' questions.",
)
@click.option(
    "--policy",
    metavar="NAME",
    help="The scheduling policy (`weir policies` lists them): balanced, or with --queues fair.",
)
@click.option(
    "--queues",
    "queues_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A YAML file with the queues of this domain: their weights and quotas.",
)
@click.option(
    "--alerts",
    "alerts_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A YAML file with rules of alerts, beside the shipped ones or in their place.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="WIDTH=TIME",
    help="How long buckets of 10s, 1m, 15m, 1h or 1d are kept, such as 1m=7d; for several, again.",
)
@click.option(
    "--rack-kw",
    type=click.FloatRange(0.1, 1000),
    default=RACK_W / 1000,
    show_default=True,
    help="IT power in kW of what counts as one standard rack.",
)
@click.option(
    "--lease",
    type=click.FloatRange(0.2, 3600),
    default=30.0,
    show_default=True,
    help="Seconds after which a cluster that says nothing counts as silent.",
)
@click.option(
    "--lost-after",
    type=click.FloatRange(0.2),
    default=600.0,
    show_default=True,
    help="Seconds of silence after which what runs there is given up and placed anew.",
)
@click.option(
    "--start-within",
    type=click.FloatRange(0.2),
    default=60.0,
    show_default=True,
    help="Seconds that a center has to start what it accepted.",
)
@click.option(
    "--approve-joins",
    is_flag=True,
    help="Who joins waits until an operator approves it (`weir joins`).",
)
def serve(
    home: Path,
    name: str,
    kind: str,
    code: str,
    host: str,
    port: int,
    url: str,
    database: str,
    files: str,
    series: str,
    policy: str | None,
    queues_file: Path | None,
    alerts_file: Path | None,
    keep: tuple[str, ...],
    rack_kw: float,
    lease: float,
    lost_after: float,
    start_within: float,
    approve_joins: bool,
) -> None:
    """Run one domain's server: national, regional or industry.

    The first start writes the operator's token to HOME/operator.token.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    chosen, queues = _scheduling(policy, queues_file)
    rules = shipped_rules()
    if alerts_file is not None:
        rules = read_rules_file(alerts_file, rules)
    domain = DomainSettings(
        lease_s=lease,
        lost_after_s=lost_after,
        start_within_s=start_within,
        policy=chosen,
        queues=queues,
        approve_joins=approve_joins,
        alert_rules=rules,
        retention_s=read_keeps(keep),
        rack_w=round(1000 * rack_kw),
        url=url or f"http://{host}:{port}",
    )
    first = not (home / "operator.token").exists()
    app = make_server(
        ServerSettings(
            home=home,
            name=name,
            kind=kind,
            code=code,
            database=database,
            files=files,
            series=series,
            domain=domain,
        )
    )
    # Written once per domain, so a token that is new was made by this start.
    token = home / "operator.token" if first else None
    collect_seldom()
    take_short_turns()
    _Server(
        _listening(app, host, port), lambda address: _introduce(name, kind, url or address, token)
    ).run()


def _scheduling(policy: str | None, queues_file: Path | None) -> tuple[str, tuple[Queue, ...]]:
    """The name of the policy, and the queues."""
    queues = () if queues_file is None else queues_from(read_queues_file(queues_file))
    chosen = policy_for(policy, bool(queues))
    if queues and not chosen.fair:
        raise BadInput(no_queues(chosen))
    return chosen.name, queues


def _listening(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )


def _introduce(name: str, kind: str, url: str, token: Path | None) -> None:
    """Say where the server is, and at its first start how to go on."""
    say(f"{name} ({kind}) answers at {url}")
    if token is not None and token.exists():
        say(f"its operator's token is in {token}; to use it from here:")
        say(f"  weir server add {name} {url} --token-file {token}")


class _Server(uvicorn.Server):
    """Says when it listens, and answers the calls that wait as soon as it is told to end."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[str], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._listening(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.config.app.state.wakeups.close()  # type: ignore[union-attr]
        super().handle_exit(sig, frame)
