"""What a run's job does on its nodes: one script, for the batch and the tasks.

    <folder>/<run>/tmp         its time, before anything runs, is when it is too late to start
                  /claim       who runs it: `job ID`; and `late` if it came too late to start
                  /job.log     what Slurm and srun themselves say
                  /job.sh      this script, where Slurm can't be given it: see `can_be_given`
                  /<task>.task     `on NODE`, then `exit CODE` or `cannot REASON`, or `stopped`
                  /<task>.stdout, <task>.stderr

What the task of a run that has only one leaves stands in its claim. `up SECONDS`, the time since
the node's start, stands there twice: of when it was claimed and of its end. A task leaves the
number of its process group, too, and what the shell's `times` tells of its CPU time.

Laws:
- Whoever creates the claim runs the run; everybody else leaves silently. So however often a run was
  submitted, or requeued by the center, its tasks run at most once.
- A run that comes after its time to start does nothing.
- Up to the task's own program one shell does all and starts nobody: a process costs more than the
  rest together. What comes next after that are files: none is made that another could do for.
- Nothing of the agent's own environment is in a task's, nor in the script.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote

from weir.core.device_access import Access, access_of
from weir.core.inventory import DEVICE_MILLI
from weir.core.units import parse_cpu_milli
from weir.executors.local_environment import (
    STANDARD_PATH,
    THREADS,
    checkpoint_of,
    command_of,
    maker_of,
)
from weir.executors.slurm_bells import bell_of
from weir.executors.slurm_layout import Layout, Part
from weir.executors.staging_software import Software
from weir.wire.exchange import RunOrder
from weir.wire.jobspec import Tasks

SCRIPT, CLAIM, LOG, TEMPORARY = "job.sh", "claim", "job.log", "tmp"

MOST_GIVEN = 2**16
"""Characters of a script that Slurm is given as it is."""

_BATCH = """#!/bin/sh
# {title}
run={folder}
if [ "${{1-}}" != task ]; then
    umask 077
    read -r weir_up weir_rest 2>/dev/null </proc/uptime
    set -C
    weir_claim=$run/{claim}
    printf 'job %s\\nup %s\\n' "$SLURM_JOB_ID" "${{weir_up:-}}" 2>/dev/null >"$weir_claim" || exit 0
    set +C
    if [ "$weir_claim" -nt "$run/tmp" ]; then
        echo late >>"$weir_claim"
        exit 0
    fi
    {ring}
    {launch}
fi
"""

_RING = "printf '%s\\n' {run} 2>/dev/null >>{bell} || true"

_TASK = """weir_rank=${SLURM_PROCID:-0}
%(ranks)s
weir_task=$run/$weir_group-$weir_index
weir_trail=%(trail)s
weir_node=${SLURMD_NODENAME:-$(hostname)}
printf 'on %%s\\ngroup %%s\\n' "$weir_node" "$$" >>"$weir_trail"

# The devices that Slurm gave to the job on this node, cut into those of each task. The ones of the
# node have numbers of their own; a program that sees only the job's counts those from 0 on, and
# Slurm says by the runtime's variable what it has to be told. Where Slurm gives no numbers they are
# counted.
weir_first=$((${SLURM_LOCALID:-0} * weir_count))
weir_last=$((weir_first + weir_count))
weir_pick() {
    weir_some= weir_number=0
    for weir_device in "$@"; do
        if [ "$weir_number" -ge "$weir_first" ] && [ "$weir_number" -lt "$weir_last" ]; then
            weir_some=$weir_some,$weir_device
        fi
        weir_number=$((weir_number + 1))
    done
}
weir_seen=%(seen)s
[ "$weir_seen" != NoDevFiles ] || weir_seen=
IFS=,
weir_pick $weir_seen
weir_mine=${weir_some#,}
weir_pick ${SLURM_STEP_GPUS:-${SLURM_JOB_GPUS:-}}
weir_ids=${weir_some#,}
weir_number=$weir_first
while [ -z "$weir_mine$weir_ids" ] && [ "$weir_number" -lt "$weir_last" ]; do
    weir_number=$((weir_number + 1))
    weir_counted=${weir_counted:+$weir_counted,}$((weir_number - 1))
done
weir_ids=${weir_ids:-${weir_mine:-${weir_counted:-}}}
weir_mine=${weir_mine:-$weir_ids}
weir_places=
for weir_device in $weir_ids; do weir_places=$weir_places,$weir_node.$weir_device; done
unset IFS

export PATH=%(path)s HOME="$run/work" PWD="$run/work" LANG=C.UTF-8 TMPDIR="$run/tmp"
weir_work=$run/work
%(common)s
case $weir_group in
%(groups)s
esac
export WEIR_TASK_GROUP="$weir_group" WEIR_TASK_INDEX="$weir_index" WEIR_DEVICES="${weir_places#,}"
%(visible)s
weir_cannot() {
    printf 'cannot %%s\\n' "$*" >>"$weir_trail"
    exit 127
}
cd "$weir_work" || weir_cannot "the working directory is not there"
unset OLDPWD
weir_program=$1
shift
case $weir_program in
*/*)
    [ -f "$weir_program" ] && [ -x "$weir_program" ] ||
        weir_cannot "there is no program $weir_program"
    ;;
*)
    weir_found=
    IFS=:
    for weir_folder in $PATH; do
        if [ -f "$weir_folder/$weir_program" ] && [ -x "$weir_folder/$weir_program" ]; then
            weir_found=$weir_folder/$weir_program
            break
        fi
    done
    unset IFS
    [ -n "$weir_found" ] || weir_cannot "there is no program $weir_program"
    weir_program=$weir_found
    ;;
esac

# A signal ends the command, not this shell; what is caught here is not inherited.
trap 'echo stopped >>"$weir_trail"' TERM
trap : HUP INT QUIT USR1 USR2
"$weir_program" "$@" >"$weir_task.stdout" 2>"$weir_task.stderr" </dev/null
weir_code=$?
times >>"$weir_trail"
read -r weir_up weir_rest 2>/dev/null </proc/uptime
printf 'up %%s\\nexit %%s\\n' "${weir_up:-}" "$weir_code" >>"$weir_trail"
%(ring)s
exit "$weir_code"
"""


@dataclass(frozen=True, slots=True)
class Place:
    """What a script must know of the pool that its run is in."""

    pool: str
    model: str | None
    emulated: bool
    path: tuple[str, ...] = ()
    software: Software = field(default_factory=Software)


def can_be_given(text: str, layout: Layout) -> bool:
    """Whether Slurm can be given a script as it is. Else it is given one that reads it: of several
    tasks each does that by itself, large ones are no load for the controller, and sbatch takes no
    DOS line ends and reads what looks like its own options.
    """
    odd = "\r" in text or "\n#SBATCH" in text or len(text) > MOST_GIVEN
    return layout.tasks == 1 and not odd


def batch(script: str) -> str:
    """What Slurm is given to run a script that is in a file."""
    return f"#!/bin/sh\n. {quote(script)}\n"


def batch_of_array(folder: str) -> str:
    """The same for an array: element i runs the script that is called i in the array's folder."""
    return f'#!/bin/sh\n. {quote(folder)}/"$SLURM_ARRAY_TASK_ID"\n'


def note_start_by(folder: str, start_by: float) -> None:
    """Note when it is too late for a run to start, in seconds since 1970. Raises OSError."""
    os.utime(os.path.join(folder, TEMPORARY), (start_by, start_by))


def write_script(path: str, text: str) -> None:
    """Write a script, whole or not at all. Raises OSError."""
    part = f"{path}.part"
    with open(part, "w", encoding="utf-8", opener=_private) as file:
        file.write(text)
    os.rename(part, path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o700)


def script_of(
    order: RunOrder, folder: str, layout: Layout, place: Place, claim: str = CLAIM
) -> str:
    """The script of a run, for these components; `claim` is how its claim is called."""
    maker = "" if place.emulated else maker_of(place.model)
    access = access_of(maker)
    path = ":".join((*place.software.path, *place.path, STANDARD_PATH))
    common = {
        "WEIR_JOB_ID": order.job,
        "WEIR_RUN_ID": order.run,
        "WEIR_ROOT_JOB": order.root_job,
        **({} if order.array_index is None else {"WEIR_ARRAY_INDEX": str(order.array_index)}),
        "WEIR_POOL": place.pool,
        "WEIR_DEVICE_MODEL": place.model or "",
        "WEIR_EMULATED": "1" if place.emulated else "0",
        **checkpoint_of(order, os.path.join(folder, "work")),
    }
    ring = _RING.format(run=quote(os.path.basename(folder)), bell=bell_of(folder))
    task = _TASK % {
        "trail": f"$run/{claim}" if layout.tasks == 1 else "$weir_task.task",
        "ranks": _ranks(layout, {t.name: devices_of(t) for t in order.spec.tasks}),
        "path": quote(path),
        "common": _exports(order.spec.environment),
        "groups": "\n".join(
            _group(order, tasks, common, lambda words: place.software.command(words, maker))
            for tasks in order.spec.tasks
        ),
        "seen": _seen(access),
        "visible": _visible(access),
        "ring": ring if layout.tasks == 1 else "",
    }
    head = _BATCH.format(
        title=f"Run {order.run} of job {order.job}",
        folder=quote(folder),
        claim=claim,
        ring=ring,
        launch=_launch(layout, ring),
    )
    return head + task


SLURMS = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "GPU_DEVICE_ORDINAL")
"""The variables by which Slurm tells programs of a job's GPUs; all that it sets say the same."""


def _seen(access: Access | None) -> str:
    """What Slurm says that a program is to see, as the shell reads it: the first that is set."""
    names = dict.fromkeys((*((access.visible,) if access else ()), *SLURMS))
    return "".join(f"${{{name}:-" for name in names) + "}" * len(names)


def _visible(access: Access | None) -> str:
    """The lines that tell a program which devices are its own; none if it is not known how."""
    if access is None:
        return ""
    also = [f"unset {' '.join(access.also)}"] if access.also else []
    return "\n".join([*also, f'export {access.visible}="$weir_mine"'])


def _launch(layout: Layout, ring: str) -> str:
    """How the batch script becomes the tasks: itself for one, by srun for several."""
    if layout.tasks == 1:
        return "SLURM_PROCID=0 SLURM_LOCALID=0"
    steps = []
    for number, part in enumerate(layout.parts):
        which = f"--het-group={number} " if len(layout.parts) > 1 else ""
        steps.append(f'{which}{_step(part)} /bin/sh "$run/{SCRIPT}" task')
    options = "--mpi=none --kill-on-bad-exit=1 --input=none --output=none --error=none"
    # A signal is for the tasks: this shell waits for them, and rings.
    return "\n    ".join(
        [
            "trap : HUP INT TERM",
            f"srun {options} " + " : ".join(steps),
            "weir_code=$?",
            ring,
            'exit "$weir_code"',
        ]
    )


def _step(part: Part) -> str:
    return (
        f"--nodes={part.nodes} --ntasks={part.all_tasks} "
        f"--ntasks-per-node={part.tasks} --cpus-per-task={part.cpus}"
    )


def _ranks(layout: Layout, devices: Mapping[str, int]) -> str:
    lines = []
    for number, span in enumerate(layout.spans):
        word, count = "elif" if number else "if", devices[span.group]
        end = span.rank + span.count
        lines.append(f'{word} [ "$weir_rank" -lt {end} ]; then')
        index = f"$((weir_rank - {span.rank}))"
        lines.append(f"    weir_group={quote(span.group)} weir_index={index} weir_count={count}")
    return "\n".join((*lines, "fi"))


def _group(
    order: RunOrder,
    tasks: Tasks,
    common: Mapping[str, str],
    started: Callable[[Sequence[str]], Sequence[str]],
) -> str:
    chosen = next(g for g in order.groups if g.group == tasks.name)
    command, environment = command_of(tasks, chosen.stack)
    cores = str(-(-parse_cpu_milli(tasks.cpu) // 1000))
    said = {
        **{name: cores for name in THREADS if name not in order.spec.environment},
        **tasks.environment,
        **environment,
        **common,
        "WEIR_TASK_COUNT": str(chosen.count),
        "WEIR_STACK": chosen.stack or "",
    }
    words = " ".join(quote(word) for word in started(command))
    return f"{quote(tasks.name)})\n{_exports(said)}\nset -- {words}\n;;"


def _exports(environment: Mapping[str, str]) -> str:
    return "\n".join(f"export {name}={quote(value)}" for name, value in environment.items())


def devices_of(tasks: Tasks) -> int:
    """Whole devices of one task."""
    return -(-tasks.devices.milli // DEVICE_MILLI) if tasks.devices else 0


def task_files(folder: str, group: str, index: int) -> str:
    """What the names of a task's files begin with."""
    return os.path.join(folder, f"{group}-{index}")
