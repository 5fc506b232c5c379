"""The folder of public traces that some benchmarks measure on, and what is said where it is not.

It is named by --traces or the variable WEIR_TRACES, and has a folder a collection: `openb`,
`philly`, `gavel`, `swf`, `inventory`, `carbon`, `prices`. No trace is part of Weir.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.tables import NOT_RUN, Row, show


def parser(description: str) -> argparse.ArgumentParser:
    """A command line with --traces."""
    made = argparse.ArgumentParser(description=description)
    folder = os.environ.get("WEIR_TRACES")
    made.add_argument(
        "--traces",
        type=Path,
        default=Path(folder) if folder else None,
        help="the folder of traces (else WEIR_TRACES)",
    )
    return made


def there(title: str, traces: Path | None, files: Sequence[str]) -> bool:
    """Whether all files are in the folder; if not, says so, and prints "not run"."""
    lacks = [name for name in files if traces is not None and not (traces / name).is_file()]
    if traces is not None and not lacks:
        return True
    if traces is None:
        print(f"{title}: not run, no folder of traces is named; use --traces or WEIR_TRACES.")
    else:
        print(f"{title}: not run, {traces} lacks {', '.join(lacks)}.")
    show(title, [Row("all figures", NOT_RUN)])
    return False
