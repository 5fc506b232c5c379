"""How programs talk to a server: `Weir` for people's scripts, `Client` for one call at a time."""

from weir.client.http import Client, FilePiece, Unreachable
from weir.client.sdk import Job, Weir

__all__ = ["Client", "FilePiece", "Job", "Unreachable", "Weir"]
