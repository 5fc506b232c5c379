"""What a run's pod does: two shell scripts, for the task and for the container beside it.

    /weir            an empty folder of the pod's own
        /work        the working directory, with the inputs; /tmp is TMPDIR
        /errors      a pipe: what the task says on its standard error
        /states      a pipe that nothing is written to, for who looks at checkpoints
        /environment where the environment of Python packages is that was built before
    /weir-inputs     the inputs in pieces, as secrets bring them

The task's standard output is its container's log. Its standard error goes through the pipe to the
container beside it, whose log it is. The pipe's end is also how that container learns that the task
is over, however it ended, even killed; then it prints the outputs after a line with the run's word,
in base64; or, where the working directory is on a volume, how large each of them is. What the task
says of itself (how it ended, why it can't start) is its container's termination message.

Laws:
- A task that comes after the run's time to start does nothing.
- Nothing but a shell and coreutils (or busybox) is needed of the image.
- The container beside the task ends once the task has, and can't keep it from ending.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from shlex import quote

from weir.core import units
from weir.executors.kubernetes_inputs import BLOB, INDEX
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
%(states)s
if [ "$(date +%%s 2>/dev/null || echo 0)" -gt %(late)d ]; then say late; exit 0; fi
cd %(work)s || cannot "the working directory is not there"
%(inputs)s
if [ -f %(root)s/environment ]; then
    PATH=$(cat %(root)s/environment)/bin:$PATH
    export PATH
fi
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
"$program" "$@" 2>&4 4>&- 5>&- </dev/null &
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


_SIZE = """if [ -f %(path)s ]; then
    printf 'left %%s %%s\\n' %(number)d "$(wc -c <%(path)s)"
fi
"""

_STATES = """mkfifo %(root)s/states 2>/dev/null
exec 5>%(root)s/states || cannot "no pipe can be made in its folder"
"""

_RESTORED = """cat %(from)s/%(blob)s.* >%(root)s/restored || cannot "its checkpoint is not there"
cat %(from)s/%(index)s.* | while read -r at size mode name; do
    where=%(folder)s/$name
    mkdir -p "$(dirname "$where")"
    tail -c "+$((at + 1))" %(root)s/restored | head -c "$size" >"$where"
    chmod "$mode" "$where" || exit 1
done || cannot "its checkpoint can't be laid out"
rm -f %(root)s/restored
"""


def task_script(
    inputs: Sequence[tuple[str, bool]],
    late: float,
    checkpoint: str | None = None,
    restored: bool = False,
    states: bool = False,
) -> str:
    """What a task's container runs, with the command as its arguments. `inputs` are paths, and
    whether they are to be run; `late` is the last second in which it may start. Its `checkpoint`
    is a folder that is there from the start; with `restored` it was sent along, and with `states`
    a container beside the task looks at it.
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
    if checkpoint is not None:
        lines.append(f"mkdir -p {quote(checkpoint)}")
    if restored and checkpoint is not None:
        words = {"from": INPUTS, "blob": BLOB, "index": INDEX, "root": ROOT}
        lines.append(_RESTORED % (words | {"folder": quote(checkpoint)}))
    pipe = _STATES % {"root": ROOT} if states else "exec 5>/dev/null"
    parts = {"inputs": "\n".join(lines), "states": pipe}
    return _TASK % ({"late": int(late), "work": WORK, "root": ROOT} | parts)


def files_script(outputs: Sequence[Output], carried: bool = True) -> str:
    """What the container beside a task runs; outputs that are not `carried` stay where they are."""
    parts = [
        (_OUTPUT if carried else _SIZE)
        % {
            "path": quote(os.path.join(WORK, output.path)),
            "number": number,
            "limit": units.parse_bytes(output.max_size),
        }
        for number, output in enumerate(outputs)
    ]
    return _FILES % {"root": ROOT, "most": MAX_OUTPUT_BYTES, "outputs": "".join(parts)}
