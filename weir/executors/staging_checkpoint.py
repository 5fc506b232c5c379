"""Checkpoints of a run: a folder that its job declares, packed now and then, unpacked at the next
place.

    <run's folder>/checkpoints/<NUMBER-TIME-SIZE-SHA256>    a packed one, see `wire.checkpoint`

Where the job names a URL, what is packed goes there, and the file here is a small one that says
where it is.

Laws:
- What is packed was whole: either the job's marker was written after everything else, or nothing
  changed between two looks; and nothing changed while it was packed.
- The newest two are kept here; one that is being carried up is not replaced before it is there.
- Unpacked, a checkpoint appears whole or not at all, inside the working directory.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tarfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from weir.core import units
from weir.executors.base import RunFile
from weir.executors.staging_access import StageError
from weir.executors.staging_fetch import sha256_of
from weir.wire.checkpoint import PREFIX, Saved, parse
from weir.wire.jobspec import Checkpoint

FOLDER = "checkpoints"
KEPT = 2

SETTLED_S = 2.0
"""What a program that ran on left alone for so long is taken to be whole."""

Listing = tuple[tuple[str, int, int], ...]
"""The regular files of a folder: path in it, size, time of change in ns."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where a checkpoint is that was brought to a URL."""

    url: str
    size: int
    sha256: str


def listing(folder: str) -> Listing:
    """What is in a folder now, in order; nothing if it is not there. Links are not followed."""
    found = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            with suppress(OSError):
                there = os.lstat(path)
                if stat.S_ISREG(there.st_mode):
                    inside = os.path.relpath(path, folder)
                    found.append((inside, there.st_size, there.st_mtime_ns))
    return tuple(found)


def whole(wish: Checkpoint, now: Listing, before: Listing | None) -> bool:
    """Whether a folder that looks like this, and did `before`, is a checkpoint."""
    if not now:
        return False
    if wish.marker is None:
        return now == before
    written = [changed for path, _, changed in now if path == wish.marker]
    return bool(written) and written[0] >= max(changed for _, _, changed in now)


def whole_at_the_end(wish: Checkpoint, now: Listing, before: Listing | None, end: float) -> bool:
    """The same, of a run whose processes are gone since `end`: what they were writing is torn."""
    if whole(wish, now, before):
        return True
    settled = bool(now) and max(changed for _, _, changed in now) < (end - SETTLED_S) * 1e9
    return wish.marker is None and settled


def too_large(wish: Checkpoint, now: Listing) -> str | None:
    """Why this can't be carried; None if it can."""
    size, most = sum(size for _, size, _ in now), units.parse_bytes(wish.max_size)
    if wish.url is not None or size <= most:
        return None
    return (
        f"{units.show_bytes(size)} is more than its max_size of {units.show_bytes(most)}; "
        "raise that, or give checkpoint.url"
    )


def pack(folder: str, files: Listing, target: str) -> bool:
    """Pack these files into `target`; False if the folder changed meanwhile. Raises OSError."""
    try:
        with tarfile.open(target, "w") as archive:
            for path, _, _ in files:
                archive.add(os.path.join(folder, path), arcname=path, recursive=False)
    except FileNotFoundError:
        return False
    return listing(folder) == files


def unpack(archive: str, work: str, path: str) -> None:
    """Put a packed checkpoint into the working directory, unless it is there. Raises StageError."""
    folder = os.path.join(work, path)
    part = f"{folder}.weir-part"
    if os.path.lexists(folder):
        return
    shutil.rmtree(part, ignore_errors=True)
    try:
        os.makedirs(part, 0o700)
        with tarfile.open(archive, "r:") as packed:
            for member in packed:
                _put(packed, member, part)
        os.rename(part, folder)
    except (OSError, tarfile.TarError) as error:
        raise StageError(f"the checkpoint can't be unpacked: {error}") from error


def _put(packed: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
    """One file of an archive, by its name inside the folder; whatever else is in it is left out.

    By hand: tarfile itself does not keep to a folder in every Python 3.11.
    """
    parts = member.name.split("/")
    content = packed.extractfile(member) if member.isreg() else None
    if content is None or not all(parts) or ".." in parts:
        return
    path = os.path.join(folder, *parts)
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    with content, open(path, "xb") as file:
        shutil.copyfileobj(content, file, 2**20)
    os.chmod(path, member.mode & 0o777 | 0o600)
    os.utime(path, (member.mtime, member.mtime))


def keep(run_folder: str, packed: str, now: float) -> Saved:
    """Make a packed file the newest checkpoint of a run; the oldest go. Raises OSError."""
    folder = os.path.join(run_folder, FOLDER)
    os.makedirs(folder, 0o700, exist_ok=True)
    there = kept(run_folder)
    number = there[-1].number + 1 if there else 1
    saved = Saved(number, int(now), os.path.getsize(packed), sha256_of(packed))
    os.rename(packed, path_of(run_folder, saved))
    for old in there[: len(there) - KEPT + 1]:
        os.unlink(path_of(run_folder, old))
    return saved


def kept(run_folder: str) -> list[Saved]:
    """The checkpoints of a run that are here, oldest first."""
    try:
        names = os.listdir(os.path.join(run_folder, FOLDER))
    except OSError:
        return []
    return sorted(s for s in (parse(PREFIX + name) for name in names) if s is not None)


def path_of(run_folder: str, saved: Saved) -> str:
    """Where a checkpoint of a run is."""
    return os.path.join(run_folder, FOLDER, saved.name.removeprefix(PREFIX))


def files(run_folder: str) -> Iterable[RunFile]:
    """The checkpoints as files of the run."""
    return [RunFile(saved.name, saved.size) for saved in kept(run_folder)]


def write_elsewhere(path: str, where: Elsewhere) -> None:
    """The small file that says where a checkpoint is. Raises OSError."""
    value = {"url": where.url, "size": where.size, "sha256": where.sha256}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)


def read_elsewhere(path: str) -> Elsewhere:
    """What such a file says. Raises StageError."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
        return Elsewhere(str(value["url"]), int(value["size"]), str(value["sha256"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StageError(f"the checkpoint does not say where it is: {error}") from error
