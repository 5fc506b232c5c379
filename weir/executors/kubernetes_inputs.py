"""What is brought to a run's pods from here: its inputs and its checkpoint, in pieces, as Secrets.

A checkpoint goes as one long content, all of its files one after the other, and a list that says
where in it each begins: so a pod needs no more than a shell to lay them out. Where the runs'
folders are on a volume nothing of this is needed: there they are already.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weir.core import units
from weir.executors.kubernetes_runs import Run
from weir.executors.staging_checkpoint import listing

SECRET_BYTES = 700 * 2**10
"""Inputs in one Secret: Kubernetes takes 1 MiB, and base64 needs four bytes for three."""

MAX_INPUT_BYTES = 8 * 2**20
"""Most that all inputs of a run may have together: they go through the cluster's own database."""

BLOB, INDEX = "c", "x"
"""What the pieces of a checkpoint's content, and of the list of its files, are called."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an input: the key in its secret, and the bytes."""

    key: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run's pods begin with: `files` are paths in the working directory with what is in
    them. `restored` is a checkpoint's content and its list, None if there is none to go on from.
    """

    files: tuple[tuple[str, bytes], ...] = ()
    restored: tuple[bytes, bytes] | None = None

    @property
    def size(self) -> int:
        """All of it, in bytes."""
        both = sum(map(len, self.restored)) if self.restored else 0
        return both + sum(len(content) for _, content in self.files)

    def pieces(self) -> list[Piece]:
        """All of it, in pieces that a Secret takes."""
        found = [
            piece
            for number, (_, content) in enumerate(self.files)
            for piece in pieces_of(f"i{number:04d}", content, SECRET_BYTES)
        ]
        for name, content in zip((BLOB, INDEX), self.restored or (), strict=False):
            found += pieces_of(name, content, SECRET_BYTES)
        return found


def pieces_of(name: str, content: bytes, most: int) -> list[Piece]:
    """A content cut into pieces; an empty one has a piece too."""
    cuts = range(0, max(len(content), 1), most)
    return [Piece(f"{name}.{i:04d}", content[at : at + most]) for i, at in enumerate(cuts)]


def boxes_of(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The pieces that go into one Secret, for each."""
    box: list[Piece] = []
    left = SECRET_BYTES
    for piece in pieces:
        if box and len(piece.content) > left:
            yield box
            box, left = [], SECRET_BYTES
        box.append(piece)
        left -= len(piece.content)
    if box:
        yield box


def inputs_of(run: Run) -> Inputs:
    """What was brought here for a run. What is more than pods take is not read. Raises OSError."""
    found = []
    left = MAX_INPUT_BYTES + 1
    for item in run.order.spec.inputs:
        with open(os.path.join(run.work, item.path), "rb") as file:
            content = file.read(left)
        left -= len(content)
        found.append((item.path, content))
    return Inputs(tuple(found), _restored(run, left))


def too_large(run: Run, inputs: Inputs) -> str:
    """Why this is more than goes to a pod; empty if it is not."""
    if inputs.size <= MAX_INPUT_BYTES:
        return ""
    most = units.show_bytes(MAX_INPUT_BYTES)
    if inputs.restored is not None:
        return (
            f"its inputs and its checkpoint are more than {most} together, and no more goes to a "
            "pod of a Kubernetes without a volume for runs"
        )
    return (
        f"its inputs are {inputs.size // 2**20} MiB together; to a pod go {most} at most: "
        "let the task fetch large ones itself"
    )


def _restored(run: Run, left: int) -> tuple[bytes, bytes] | None:
    """The checkpoint that was unpacked here for the run. Names that a line can't hold are left
    out.
    """
    wish = run.order.spec.checkpoint
    folder = os.path.join(run.work, wish.path) if wish else ""
    files = listing(folder) if wish else ()
    content, lines = bytearray(), []
    for name, _, _ in files:
        if name.strip() != name or "\n" in name:
            continue
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            part = file.read(max(0, left))
        left -= len(part)
        mode = os.stat(path).st_mode & 0o777 | 0o600
        lines.append(f"{len(content)} {len(part)} {mode:o} {name}\n")
        content += part
    return (bytes(content), "".join(lines).encode(errors="surrogateescape")) if lines else None
