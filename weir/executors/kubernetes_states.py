"""Checkpoints of a run whose folder is its pod's own, brought here by a log.

A container beside the first task looks at the folder each second. A state that seems whole it
prints, not more often than the job wants; here it is laid into the run's folder as it was, and from
there on it is packed, kept and carried like that of every executor (`staging_saver`), which judges
again whether it is whole.

    state N FILES BYTES       then for each file a line `SIZE MODE SECONDS TEXT` (the text has the
    end N TIME                parts of a second), one with its name, base64, and a point
    large N BYTES             it is more than a log takes

Laws:
- What is printed was copied before, and the folder did not change meanwhile.
- What did not come whole changes nothing here.
- Nothing is written outside the run's folder, whatever the names are.
- The log is read from where the last state ended: the same is not carried twice.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from shlex import quote

from weir.core import units
from weir.executors.kubernetes_calls import Kubernetes
from weir.executors.kubernetes_records import STATES, Pod
from weir.executors.kubernetes_runs import Run
from weir.executors.kubernetes_script import ROOT, WORK
from weir.executors.staging_log import DataLog
from weir.wire.jobspec import Checkpoint

MAX_STATE_BYTES = 6 * 2**20
"""Most that one state may have: nodes keep 10 MiB of a container's log, and files take four bytes
for three there.
"""

LOG_BYTES = 32 * 2**20
"""As much of the log is read at once; a node keeps less of it as a rule."""

LOOK_S, MOST_S = 3.0, 10.0
"""How often a log is read, by how often the job wants a state: before its node drops any of it."""

_SCRIPT = """mkfifo %(root)s/states 2>/dev/null
trap : TERM
cat <%(root)s/states >/dev/null &
task=$!
mkdir -p %(folder)s
cd %(folder)s || exit 0
number=0 sent= before= last=0 over=
look() { ls -AlnR --full-time . 2>/dev/null; }
walk() {
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        if [ -h "$entry" ]; then continue; fi
        if [ -d "$entry" ]; then walk "$entry" "$2"
        elif [ -f "$entry" ]; then "$2" "$entry"; fi
    done
}
newer() { if [ "$1" -nt %(marker)s ]; then new=1; fi; }
tell() {
    case $1 in *"
"*) return ;; esac
    stat -c '%%s %%a %%Y %%y' "$1" && printf '%%s\\n' "$1"
}
whole() {
    if [ -z %(marker)s ]; then
        [ "$now" = "$before" ]
        return
    fi
    [ -f %(marker)s ] || return 1
    new=
    walk . newer
    [ -z "$new" ]
}
send() {
    list=$(walk . tell)
    [ -n "$list" ] || return 0
    total=0 files=0
    while read -r size rest && read -r name; do
        total=$((total + size)) files=$((files + 1))
    done <<END
$list
END
    if [ "$total" -gt %(most)d ]; then
        number=$((number + 1))
        printf 'large %%s %%s\\n' "$number" "$total"
        return
    fi
    rm -rf %(root)s/state
    mkdir %(root)s/state
    cp -a . %(root)s/state 2>/dev/null
    if [ "$(look)" != "$now" ]; then return 1; fi
    number=$((number + 1))
    printf 'state %%s %%s %%s\\n' "$number" "$files" "$total"
    while read -r about && IFS= read -r name; do
        printf '%%s\\n%%s\\n' "$about" "$name"
        base64 "%(root)s/state/$name"
        printf '.\\n'
    done <<END
$list
END
    printf 'end %%s %%s\\n' "$number" "$(date +%%s)"
    rm -rf %(root)s/state
}
turn() {
    now=$(look)
    if [ "$now" != "$sent" ] && whole; then
        if [ -n "$over" ] || [ "$(($(date +%%s) - last))" -ge %(every)d ]; then
            last=$(date +%%s)
            if send; then sent=$now; else last=0; fi
        fi
    fi
    before=$now
}
first=
if [ "${JOB_COMPLETION_INDEX:-0}" = 0 ]; then first=1; fi
while kill -0 "$task" 2>/dev/null; do
    if [ -n "$first" ]; then turn; fi
    sleep 1
done
over=1
if [ -n "$first" ]; then turn; fi
exit 0
"""

_ABOUT = re.compile(r"(\d+) ([0-7]+) (\d+)(?: .*?\.(\d{1,9}))?.*")


@dataclass(slots=True)
class _Reading:
    """How far the log of a run has been read: the time of its last state, by its node's clock."""

    since: int | None = None
    number: int = 0
    at: float = float("-inf")
    said: str = ""


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    mode: int
    changed_ns: int
    content: bytes


@dataclass(frozen=True, slots=True)
class _State:
    """A state that has come whole; `ended` is when it was printed, by the node's clock."""

    number: int
    files: tuple[_File, ...]
    ended: int


def states_script(wish: Checkpoint) -> str:
    """What the container that looks at the folder runs."""
    return _SCRIPT % {
        "root": ROOT,
        "folder": quote(os.path.join(WORK, wish.path)),
        "marker": quote(os.path.join(".", wish.marker) if wish.marker else ""),
        "every": max(1, units.parse_duration_s(wish.every)),
        "most": MAX_STATE_BYTES,
    }


class States:
    """Brings the states of runs. All of it is called from one thread."""

    def __init__(self, kubernetes: Kubernetes, now: Callable[[], float]) -> None:
        self._kubernetes, self._now = kubernetes, now
        self._readings: dict[str, _Reading] = {}

    def due(self, runs: Iterable[Run]) -> list[Run]:
        """Those of these live runs of which it is time to look for another state, first those that
        have waited longest.
        """
        found = []
        for run in runs:
            wish, reading = run.order.spec.checkpoint, self._readings.get(run.id)
            if wish is None or run.started is None:
                continue
            at = float("-inf") if reading is None else reading.at
            pause = min(max(units.parse_duration_s(wish.every) / 2, LOOK_S), MOST_S)
            if self._now() >= at + pause:
                found.append((at, run))
        return [run for _, run in sorted(found, key=lambda one: one[0])]

    def bring(self, run: Run, pod: Pod | None) -> None:
        """Lay the newest state that there is into the run's folder. Raises `Away` and its like."""
        wish = run.order.spec.checkpoint
        if wish is None or pod is None or pod.container(STATES) is None:
            return
        reading = self._readings.setdefault(run.id, _Reading())
        part = os.path.join(run.folder, "states.part")
        reading.at = self._now()
        if not self._kubernetes.log(pod, STATES, LOG_BYTES, part, reading.since):
            return
        newest = None
        with open(part, "rb") as file:
            for told in _told(file):
                if isinstance(told, int):
                    self._say(run, reading, told)
                elif told.number > reading.number:
                    newest, reading.number, reading.since = told, told.number, told.ended
        os.unlink(part)
        if newest is not None:
            _lay(newest, os.path.join(run.work, wish.path))

    def forget(self, run: str) -> None:
        """This run is over."""
        self._readings.pop(run, None)

    def _say(self, run: Run, reading: _Reading, size: int) -> None:
        most = units.show_bytes(MAX_STATE_BYTES)
        said = (
            f"checkpoint: {units.show_bytes(size)} is more than the {most} that come by a pod's "
            "log; larger ones need a volume for runs"
        )
        if said != reading.said:
            reading.said = said
            DataLog(run.folder, self._now).say(said)


def _told(log: Iterable[bytes]) -> Iterator[_State | int]:
    """What a log tells: states that are whole, and sizes of those that are too large. It may begin
    and end anywhere.
    """
    lines = iter(log)
    for line in lines:
        words = line.split()
        if len(words) == 3 and words[0] == b"large" and words[2].isdigit():
            yield int(words[2])
        elif len(words) == 4 and words[0] == b"state" and all(w.isdigit() for w in words[1:]):
            number, count = int(words[1]), int(words[2])
            files = tuple(_files(lines, count))
            end = next(lines, b"").split()
            good = len(files) == count and len(end) == 3 and end[0] == b"end"
            if good and int(end[1]) == number and end[2].isdigit():
                yield _State(number, files, int(end[2]))


def _files(lines: Iterator[bytes], count: int) -> Iterator[_File]:
    """The files of a state, as far as they are as they should be."""
    for _ in range(count):
        about = _ABOUT.fullmatch(next(lines, b"").decode(errors="replace").strip())
        name = os.fsdecode(next(lines, b"").rstrip(b"\n")).removeprefix("./")
        encoded = []
        for piece in lines:
            if piece == b".\n":
                break
            encoded.append(piece.strip())
        try:
            content = base64.b64decode(b"".join(encoded), validate=True)
        except binascii.Error:
            return
        if about is None or len(content) != int(about[1]):
            return
        if not name or name.startswith("/") or ".." in name.split("/"):
            return
        changed = int(about[3]) * 10**9 + int((about[4] or "0").ljust(9, "0"))
        yield _File(name, int(about[2], 8), changed, content)


def _lay(state: _State, folder: str) -> None:
    """Have the folder be as it was in the pod, whole or as it is. Raises OSError."""
    part, old = f"{folder}.weir-part", f"{folder}.weir-old"
    for place in (part, old):
        shutil.rmtree(place, ignore_errors=True)
    os.makedirs(part, 0o700)
    for file in state.files:
        path = os.path.join(part, file.name)
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        with open(path, "xb") as out:
            out.write(file.content)
        os.chmod(path, file.mode & 0o777 | 0o600)
        os.utime(path, ns=(file.changed_ns, file.changed_ns))
    with suppress(FileNotFoundError):
        os.rename(folder, old)
    os.rename(part, folder)
    shutil.rmtree(old, ignore_errors=True)
