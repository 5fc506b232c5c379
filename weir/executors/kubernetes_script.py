"""What a run's pod does: two shell scripts, for the task and for the container beside it.

    /weir            an empty folder of the pod's own
        /work        the working directory, with the inputs; /tmp is TMPDIR
        /errors      a pipe: what the task says on its standard error
    /weir-inputs     the inputs in pieces, as secrets bring them

The task's standard output is its container's log. Its standard error goes through the pipe to the
container beside it, whose log it is. The pipe's end is also how that container learns that the task
is over, however it ended, even killed; then it prints the outputs after a line with the run's word,
in base64. What the task says of itself (how it ended, why it can't start) is its container's
termination message.

Laws:
- A task that comes after the run's time to start does nothing.
- Nothing but a shell and coreutils (or busybox) is needed of the image.
- The container beside the task ends once the task has, and can't keep it from ending.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from weir.core import units
from weir.wire.jobspec import Output

ROOT, INPUTS = "/weir", "/weir-inputs"
WORK = f"{ROOT}/work"

MAX_OUTPUT_BYTES = 6 * 2**20
"""Most that all outputs of a run may have together: nodes keep 10 MiB of a container's log, and
outputs take four bytes for three there.
"""

_TASK = """umask 022
say() { printf '%%s\\n' "$*" >>/dev/termination-log; }
cannot() { say "cannot $*"; exit 127; }
mkdir -p %(work)s %(root)s/tmp || cannot "the working directory can't be made"
mkfifo %(root)s/errors 2>/dev/null
exec 4>%(root)s/errors || cannot "no pipe can be made in its folder"
if [ "$(date +%%s 2>/dev/null || echo 0)" -gt %(late)d ]; then say late; exit 0; fi
cd %(work)s || cannot "the working directory is not there"
%(inputs)s
export WEIR_TASK_INDEX=$((${WEIR_TASK_FIRST:-0} + ${JOB_COMPLETION_INDEX:-0}))
program=$1
shift
case $program in
*/*)
    [ -f "$program" ] && [ -x "$program" ] || cannot "there is no program $program"
    ;;
*)
    found=
    IFS=:
    for folder in $PATH; do
        if [ -f "$folder/$program" ] && [ -x "$folder/$program" ]; then
            found=$folder/$program
            break
        fi
    done
    unset IFS
    [ -n "$found" ] || cannot "there is no program $program"
    program=$found
    ;;
esac
say started
task=
trap 'say stopped; [ -z "$task" ] || kill -TERM "$task" 2>/dev/null' TERM
"$program" "$@" 2>&4 4>&- </dev/null &
task=$!
wait "$task"
code=$?
while kill -0 "$task" 2>/dev/null; do
    wait "$task"
    code=$?
done
say "exit $code"
if [ "$code" -eq 137 ] && grep -q '^oom_kill [1-9]' /sys/fs/cgroup/memory.events 2>/dev/null; then
    say oom
fi
exit "$code"
"""

_FILES = """mkfifo %(root)s/errors 2>/dev/null
trap : TERM
cat <%(root)s/errors
printf '\\n%%s\\n' "$WEIR_WORD"
left=%(most)d
%(outputs)s
printf 'end\\n'
"""

_OUTPUT = """if [ -f %(path)s ]; then
    size=$(wc -c <%(path)s)
    if [ "$size" -gt %(limit)d ]; then
        printf 'long %%s %%s\\n' %(number)d "$size"
    elif [ "$size" -gt "$left" ]; then
        printf 'full %%s %%s\\n' %(number)d "$size"
    else
        left=$((left - size))
        printf 'file %%s %%s\\n' %(number)d "$size"
        base64 %(path)s
        printf '.\\n'
    fi
fi
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an input: the key in its secret, and the bytes."""

    key: str
    content: bytes


def task_script(inputs: Sequence[tuple[str, bool]], late: float) -> str:
    """What a task's container runs, with the command as its arguments. `inputs` are paths, and
    whether they are to be run; `late` is the last second in which it may start.
    """
    lines = []
    for number, (name, runs) in enumerate(inputs):
        folder = os.path.dirname(name)
        where = quote(name)
        if folder:
            lines.append(f"mkdir -p {quote(folder)}")
        lines.append(
            f"cat {INPUTS}/i{number:04d}.* >{where} || cannot {quote(f'input {name} is not there')}"
        )
        if runs:
            lines.append(f"chmod 755 {where}")
    return _TASK % {"late": int(late), "work": WORK, "root": ROOT, "inputs": "\n".join(lines)}


def files_script(outputs: Sequence[Output]) -> str:
    """What the container beside a task runs."""
    parts = [
        _OUTPUT
        % {
            "path": quote(os.path.join(WORK, output.path)),
            "number": number,
            "limit": units.parse_bytes(output.max_size),
        }
        for number, output in enumerate(outputs)
    ]
    return _FILES % {"root": ROOT, "most": MAX_OUTPUT_BYTES, "outputs": "".join(parts)}


def pieces_of(number: int, content: bytes, most: int) -> list[Piece]:
    """An input cut into pieces; an empty one has a piece too."""
    cuts = range(0, max(len(content), 1), most)
    return [Piece(f"i{number:04d}.{i:04d}", content[at : at + most]) for i, at in enumerate(cuts)]
