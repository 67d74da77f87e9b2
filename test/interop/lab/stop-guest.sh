#!/bin/bash
# Stops the guest of a lab; the network stays, for another boot.
. "$(dirname "$0")/settings.sh"
[ -s "$STATE/qemu.pid" ] || exit 0
process=$(cat "$STATE/qemu.pid")
# The number may be somebody else's by now: only a qemu that names our folder is ours.
if grep -aqF "$STATE/qemu.pid" "/proc/$process/cmdline" 2>/dev/null; then
  kill -KILL "$process" # it keeps nothing on disk
  while kill -0 "$process" 2>/dev/null; do sleep 0.05; done
fi
rm -f "$STATE/qemu.pid" "$STATE/console"
