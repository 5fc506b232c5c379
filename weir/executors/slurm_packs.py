"""Packs: short runs that go one after the other in one job of Slurm's.

To start a job costs Slurm more than a short run itself. Runs of one user that are asked of Slurm in
the same words, and are known to be short, may so share one element of an array. Its script starts
each run's own script, which claims the run and leaves what it always does: its start, its output,
its exit code.

Laws:
- A pack never holds a run back for whom there is another place: runs are spread over all places
  that the network could have, and those in Slurm's queue that it may, as evenly as they go. Only
  what is a second of work together is one pack anyway.
- A pack is of `pack_s` seconds of expected work at most.
- Each run has a process group of its own, where the node has `setsid`; what is left in it when the
  run ends is killed before the next begins.
- A run that does not end well ends its pack: what else there is to know of it (was it memory, was
  it the center?) Slurm tells only of a whole job, and so of this one run. The rest of the pack has
  not begun, and is taken back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from shlex import quote

from weir.executors.slurm_inventory import Kind
from weir.executors.slurm_runs import Run
from weir.executors.slurm_script import SCRIPT
from weir.wire.jobspec import walltime_s

GRAIN_S = 1.0
"""So much expected work is one pack, also where there would be places for more."""

TRIES = 3
"""How often a run is taken back and submitted again; after that it goes by itself."""

_DRIVER = """weir_pack() {
    weir_own=setsid
    command -v setsid >/dev/null 2>&1 || weir_own=
    weir_over=
    trap 'weir_over=1' TERM
    trap : HUP INT QUIT USR1 USR2
    while [ "$#" -gt 1 ]; do
        [ -z "$weir_over" ] || exit 143
        weir_run=$1 weir_claim=$1/$2
        shift 2
        [ ! -e "$weir_claim" ] || continue
        $weir_own /bin/sh "$weir_run/%(script)s"
        weir_status=$?
        weir_job= weir_group= weir_end=
        while read -r weir_word weir_value; do
            case $weir_word in
            job) weir_job=$weir_value ;;
            group) weir_group=$weir_value ;;
            exit | late) weir_end=1 ;;
            esac
        done 2>/dev/null <"$weir_claim"
        [ "$weir_job" = "$SLURM_JOB_ID" ] || continue
        [ -z "$weir_own" ] || [ -z "$weir_group" ] || kill -KILL "-$weir_group" 2>/dev/null
        [ -n "$weir_end" ] && [ "$weir_status" -eq 0 ] || exit "$weir_status"
    done
    exit 0
}
weir_pack %(runs)s
"""


def driver(runs: Sequence[Run]) -> str:
    """What an element of an array runs for these runs, whose scripts are in their folders."""
    said = " ".join(f"{quote(run.folder)} {quote(run.claim_name)}" for run in runs)
    return _DRIVER % {"script": SCRIPT, "runs": said}


def may_pack(run: Run, kind: Kind, pack_s: float, minutes: int | None) -> bool:
    """Whether a run may share a job, apart from its length. Where the center's own jobs go first,
    or the hours end, nothing may hold a place for longer than its own run.
    """
    share, layout = kind.share, run.layout
    modest = share.idle_only or share.give_way or share.end_in_hours
    one = layout is not None and layout.tasks == 1 and not layout.parts[0].exclusive
    whole = run.order.spec.checkpoint is not None or run.order.restore is not None
    most = packed_minutes(minutes, pack_s, None)
    own = walltime_s(run.order.spec) is not None
    fits = not own or most is None or kind.limit_s is None or 60 * most <= kind.limit_s
    return pack_s > 0 and one and not modest and not whole and fits and run.tries < TRIES


def packed_minutes(minutes: int | None, pack_s: float, limit_s: int | None) -> int | None:
    """Slurm's limit for a pack of runs each of which would have so many minutes by itself: what is
    expected of all others before, and then one that takes all of its time; within the partition's.
    Null is no limit.
    """
    most = None if minutes is None else minutes + math.ceil(pack_s / 60)
    return min((m for m in (most, limit_s and limit_s // 60) if m is not None), default=None)


def packs(
    runs: Sequence[Run], short: Mapping[str, float], places: int, pack_s: float
) -> list[list[Run]]:
    """These runs, in order, as elements of an array: the short ones together as far as they should
    be, the others each by itself. `short` has their expected seconds; `places` is how many elements
    could run at the same time, if nothing else of the network's did.
    """
    work = sum(short.get(run.id, 0.0) for run in runs)
    most = min(pack_s, max(GRAIN_S, work / max(1, places - (len(runs) - len(short)))))
    elements: list[list[Run]] = []
    open_: dict[str, tuple[list[Run], float]] = {}  # the last pack of each user, and its seconds
    for run in runs:
        seconds = short.get(run.id)
        if seconds is None:
            elements.append([run])
            continue
        pack, so_far = open_.get(run.order.submitter, ([], math.inf))
        if so_far + seconds > most * (1 + 1e-9):
            pack, so_far = [], 0.0
            elements.append(pack)
        pack.append(run)
        open_[run.order.submitter] = (pack, so_far + seconds)
    return elements
