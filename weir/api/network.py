"""The network over HTTP: pools, clusters, indicators, identifiers."""

from __future__ import annotations

from fastapi import Request, Response

from weir.api.calls import allowed, context, reply, reply_list
from weir.control import remove, show
from weir.control.authorize import Action, Principal
from weir.control.balance import balance
from weir.control.queues import list_queues
from weir.control.resolve import resolve
from weir.wire.jobs import ClusterAnswer
from weir.wire.pools import PoolAnswer
from weir.wire.queues import QueueAnswer


def list_pools(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """Every pool of the network as this domain sees it, each once."""
    return reply_list(PoolAnswer, show.list_pools(context(request)))


def list_clusters(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """This domain's clusters, and its links to other domains."""
    return reply_list(ClusterAnswer, show.list_clusters(context(request)))


def remove_cluster(
    request: Request, cluster: str, _who: Principal = allowed(Action.OPERATE)
) -> Response:
    """Remove a cluster or a link that has no live runs: its tokens end, its pools are gone."""
    remove.remove_cluster(context(request), cluster)
    return Response(status_code=204)


def show_queues(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """This domain's queues, each below its parent: weight, quota, what it holds and has held."""
    return reply_list(QueueAnswer, list_queues(context(request)))


def show_balance(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """What the network has and has free, beside what this domain's waiting jobs ask for."""
    return reply(balance(context(request)))


def resolve_identifier(request: Request, identifier: str) -> Response:
    """What an identifier stands for, or who to ask. Like a name service, open to all."""
    return reply(resolve(context(request), identifier))
