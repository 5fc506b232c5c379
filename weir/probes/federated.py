"""The samples of a domain below, passed on as they are: minutes and wider, of every subject once.

What comes is told by a number; the next look asks from there. It is kept on disk once what came is.
"""

from __future__ import annotations

from pathlib import Path

from weir.client.http import Client
from weir.probes.base import Look


class FederatedProbe:
    """The server of the domain below, asked by the link's agent."""

    name = "domain"
    interval_s = 15.0

    def __init__(self, client: Client, notes: Path) -> None:
        self._client, self._notes = client, notes
        self._after = self._next = _read(notes)

    def look(self, now: float) -> Look:
        """Buckets that came there since the last look."""
        answer = self._client.samples(self._after)
        self._next = answer.after
        return Look(blocks=answer.blocks, gaps=answer.gaps, more=answer.more)

    def kept(self) -> None:
        """From here on ask for what comes after."""
        if self._next != self._after:
            self._after = self._next
            partial = self._notes.with_suffix(".partial")
            partial.write_text(f"{self._after}\n", encoding="ascii")
            partial.replace(self._notes)

    def close(self) -> None:
        """Disconnect."""
        self._client.close()


def _read(notes: Path) -> int:
    try:
        return int(notes.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
