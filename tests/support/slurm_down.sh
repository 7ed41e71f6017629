#!/bin/bash
# Ends what slurm_up.sh DIR started, and nothing else: SIGTERM first, SIGKILL for what is left after 5 seconds.
D=$(realpath -m "$1")
pids=$(cat "$D"/run/d* "$D/run/ctld" "$D/munge/pid" 2>/dev/null)
[ -n "$pids" ] || exit 0
kill -TERM $pids 2>/dev/null
for ((t = 0; t < 25; t++)); do
  kill -0 $pids 2>/dev/null || exit 0
  sleep 0.2
done
kill -KILL $pids 2>/dev/null
exit 0
