"""`weir files` and `weir fetch`: what a job has written, and bringing it here."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path, PurePosixPath

import click

from weir.cli.arrays import is_array, label, members
from weir.cli.output import Column, Sheet, clean, print_error, print_json, show_sheet
from weir.cli.session import Session, asks, prints
from weir.client.files import full_name, pieces
from weir.client.http import Client
from weir.core.errors import BadInput, NotFound
from weir.core.units import show_bytes
from weir.wire.checkpoint import parse
from weir.wire.jobs import FilesAnswer


@click.command()
@click.argument("job")
@prints
def files(session: Session, job: str, as_json: bool) -> None:
    """List the files of JOB's latest run that can be read; of an array, all its jobs' files."""
    with session.client() as client:
        if is_array(job):
            _list_array([(label(m), client.files(m.id)) for m in members(client, job)], as_json)
            return
        answer = client.files(job)
    if as_json:
        print_json(answer)
        return
    sheet = Sheet((Column("FILE", wraps=True), Column("SIZE", right=True)))
    for file in answer.files:
        sheet.add(file.name, show_bytes(file.size))
    show_sheet(sheet, empty="no files" if answer.run else "no files: the job has not run yet")


def _list_array(answers: list[tuple[str, FilesAnswer]], as_json: bool) -> None:
    if as_json:
        print_json([answer for _, answer in answers], list[FilesAnswer])
        return
    sheet = Sheet((Column("JOB"), Column("FILE", wraps=True), Column("SIZE", right=True)))
    for name, answer in answers:
        for file in answer.files:
            sheet.add(name, file.name, show_bytes(file.size))
    show_sheet(sheet, empty="no files")


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
    """Bring files of JOB's latest run here: those named, or all but its checkpoints.

    A result is found by its name alone too: result.json is output/result.json. Of an array, each
    job's files get a folder of their own, named by its number.
    """
    target = folder or Path(job)
    with session.client() as client:
        if not is_array(job):
            _fetch(client, job, names, target)
            return
        failed = False
        for member in members(client, job):
            try:
                _fetch(client, member.id, names, target / str(member.array_index))
            except NotFound as error:
                failed = True
                print_error(error)
    if failed:
        raise click.exceptions.Exit(1)


def _fetch(client: Client, job: str, names: tuple[str, ...], folder: Path) -> None:
    """Fetch files of one job. Raises `NotFound`."""
    known = [f.name for f in client.files(job).files]
    all_of_them = [name for name in known if parse(name) is None]  # checkpoints by name only
    wanted = [full_name(name, known) for name in names] or all_of_them
    if not wanted:
        raise NotFound(f"{job} has no files yet; see `weir show {job}`")
    for name, target in [(name, place(folder, name)) for name in wanted]:
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
