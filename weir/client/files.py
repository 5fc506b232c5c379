"""Read a job's file piece by piece, to its end or for as long as it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from weir.client.http import Client
from weir.client.patience import NONE, Patience
from weir.client.problems import NotUnderstood
from weir.core.errors import NotFound
from weir.core.lifecycle import JOB_FINAL

PIECE_BYTES = 2**20
"""Largest piece of a file that is asked for at once."""

FOLLOW_S = 20.0
"""How long the server is asked to wait for more of a file that is followed, in seconds."""

PAUSE_S = 0.5
"""Pause before a file that is followed is asked for again after nothing came, in seconds."""

STREAMS = ("stdout", "stderr")
"""What every job has, and is never looked for."""

RESULTS = "output/"
"""The folder of a job's results: where a name that is no file's is looked for next."""


def full_name(name: str, known: Iterable[str]) -> str:
    """The file that is meant: the one of that name, else the result of that name, else `name`."""
    there = set(known)
    return RESULTS + name if name not in there and RESULTS + name in there else name


def pieces(
    client: Client,
    job: str,
    file: str,
    *,
    follow: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    patience: Patience = NONE,
) -> Iterator[bytes]:
    """A job's file in pieces, until its end now, or with `follow` until it can't grow any more.

    `result.json` is also found as `output/result.json`. A file that is not there yet is waited for
    while its job is active. One that shrinks belongs to a new run, and is read from its start.
    """
    name = patience.ask(lambda: _found(client, job, file, follow, sleep))
    offset, wait_s = 0, FOLLOW_S if follow else 0.0
    while True:
        read = partial(client.read_file, job, name, offset, PIECE_BYTES, wait_s)
        try:
            piece = patience.ask(read)
        except NotFound:
            if not follow or patience.ask(lambda: client.job(job)).state in JOB_FINAL:
                raise
            sleep(PAUSE_S)
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
            raise NotUnderstood(f"{name} of {job} broke off: {offset} of {piece.size} bytes came")
        elif not piece.data:
            sleep(PAUSE_S)


def _found(
    client: Client, job: str, file: str, follow: bool, sleep: Callable[[float], None]
) -> str:
    """The name that the server has for a file, waited for with `follow`. Raises `NotFound`.

    Asked first, because the server has nothing to say of a file that its job may still write.
    """
    if file in STREAMS:
        return file
    while True:
        try:
            known = [f.name for f in client.files(job).files]
        except NotFound:
            return file  # reading it says what is not there
        found = full_name(file, known)
        if found in known:
            return found
        if not follow or client.job(job).state in JOB_FINAL:
            raise NotFound(f"{job} has no file {file}; there are: {', '.join(known) or 'none yet'}")
        sleep(PAUSE_S)
