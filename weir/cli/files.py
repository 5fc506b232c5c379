"""`weir files` and `weir fetch`: what a job has written, and bringing it here."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path, PurePosixPath

import click

from weir.cli.output import Column, Sheet, clean, print_json, show_sheet
from weir.cli.session import Session, asks, prints
from weir.client.files import pieces
from weir.client.http import Client
from weir.core.errors import BadInput, NotFound
from weir.core.units import show_bytes


@click.command()
@click.argument("job")
@prints
def files(session: Session, job: str, as_json: bool) -> None:
    """List the files of JOB's latest run that can be read."""
    with session.client() as client:
        answer = client.files(job)
    if as_json:
        print_json(answer)
        return
    sheet = Sheet((Column("FILE", wraps=True), Column("SIZE", right=True)))
    for file in answer.files:
        sheet.add(file.name, show_bytes(file.size))
    show_sheet(sheet, empty="no files" if answer.run else "no files: the job has not run yet")


@click.command()
@click.argument("job")
@click.argument("names", nargs=-1, metavar="[FILE]...")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to put them in; without it, one named like the job.",
)
@asks
def fetch(session: Session, job: str, names: tuple[str, ...], folder: Path | None) -> None:
    """Bring files of JOB's latest run here: those named, or all of them."""
    with session.client() as client:
        wanted = names or tuple(f.name for f in client.files(job).files)
        if not wanted:
            raise NotFound(f"{job} has no files yet; see `weir show {job}`")
        places = [(name, place(folder or Path(job), name)) for name in wanted]
        for name, target in places:
            size = _save(client, job, name, target)
            click.echo(f"{clean(str(target))}  {show_bytes(size)}")


def place(folder: Path, name: str) -> Path:
    """Where a file of that name goes: inside the folder, whatever the server calls it."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
        raise BadInput(f"{name!r} is not a name that a file here can have; nothing was fetched")
    return folder.joinpath(*parts)


def _save(client: Client, job: str, name: str, target: Path) -> int:
    """Write a job's file, whole or not at all; gives its bytes."""
    size = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".weir-")
    except OSError as error:
        raise BadInput(f"{target} can't be written: {error.strerror}; choose with --to") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces(client, job, name):
                size += file.write(piece)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    return size
