"""Takes the checkpoint of a run along to the peer, before the run is handed over."""

from __future__ import annotations

import logging
import os

from weir.client.http import Client
from weir.core.errors import WeirError
from weir.wire.checkpoint import parse
from weir.wire.exchange import RunOrder

log = logging.getLogger(__name__)

PIECE_BYTES = 2**20


def take_along(client: Client, order: RunOrder, archive: str) -> str | None:
    """Leave the run's checkpoint at the peer, from where an earlier call broke off. Gives its name;
    None if there is none, or the peer takes none: the job begins anew there.

    Raises what the client raises if the peer is away.
    """
    saved = parse(order.restore or "")
    if saved is None or not os.path.exists(archive):
        return None
    try:
        with open(archive, "rb") as file:
            there = client.leave_checkpoint(order.run, saved.name, 0, b"")
            while there < saved.size:
                file.seek(there)
                data = file.read(PIECE_BYTES)
                if not data:
                    return None
                there = client.leave_checkpoint(order.run, saved.name, there, data)
    except WeirError as error:
        if error.status >= 500:
            raise
        log.warning("the peer takes no checkpoint of run %s: %s", order.run, error.detail)
        return None
    return saved.name
