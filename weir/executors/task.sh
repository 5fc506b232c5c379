#!/bin/sh
# One task of a run: claim it, run it, write down its exit code. Only shell builtins: it must be cheap.
# Arguments: what its files begin with, the working directory, the command (program with full path).
# Law: whoever creates the claim runs the task; all others leave silently. So it runs at most once.
set -C
_weir_task=$1
cd "$2" || exit 1
shift 2
unset OLDPWD

# Who this is, so that a later process of the same number is not taken for it: number, start, boot.
_weir_start() { _weir_start=${20}; }
read -r _weir_stat <"/proc/$$/stat"
_weir_start ${_weir_stat##*) }
read -r _weir_boot </proc/sys/kernel/random/boot_id
printf '%s %s %s\n' "$$" "$_weir_start" "$_weir_boot" 2>/dev/null >"$_weir_task.claim" || exit 0

# A signal sent to the whole group ends the command, not this shell; caught ones aren't inherited.
trap : HUP INT QUIT TERM USR1 USR2 ALRM
"$@" >"$_weir_task.stdout" 2>"$_weir_task.stderr"
printf '%s\n' "$?" >>"$_weir_task.claim"

# What the command left behind in its group ends with it, and so does this shell.
kill -KILL 0
