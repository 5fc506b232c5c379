"""Read a job's file piece by piece, to its end or for as long as it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from weir.client.http import Client, FilePiece
from weir.client.problems import NotUnderstood
from weir.core.errors import NotFound
from weir.core.lifecycle import JOB_FINAL

PIECE_BYTES = 2**20
"""Largest piece of a file that is asked for at once."""

FOLLOW_S = 20.0
"""How long the server is asked to wait for more of a file that is followed, in seconds."""

PAUSE_S = 0.5
"""Pause before a file that is followed is asked for again after nothing came, in seconds."""


def pieces(
    client: Client,
    job: str,
    file: str,
    *,
    follow: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """A job's file in pieces, until its end now, or with `follow` until it can't grow any more.

    A file that is not there yet is waited for while its job is active. One that shrinks belongs to
    a new run, and is read from its start.
    """
    offset = 0
    while True:
        piece = _piece(client, job, file, offset, follow, sleep)
        if piece is None:
            continue
        if piece.data:
            yield piece.data
        offset += len(piece.data)
        ended = piece.complete or not follow
        if piece.size < offset:
            offset = 0
        elif offset >= piece.size and ended:
            return
        elif not piece.data and ended:
            raise NotUnderstood(f"{file} of {job} broke off: {offset} of {piece.size} bytes came")
        elif not piece.data:
            sleep(PAUSE_S)


def _piece(
    client: Client,
    job: str,
    file: str,
    offset: int,
    follow: bool,
    sleep: Callable[[float], None],
) -> FilePiece | None:
    """The next piece; None, after a pause, for a file that may still come."""
    try:
        return client.read_file(job, file, offset, PIECE_BYTES, FOLLOW_S if follow else 0)
    except NotFound:
        if not follow or client.job(job).state in JOB_FINAL:
            raise
        sleep(PAUSE_S)
        return None
