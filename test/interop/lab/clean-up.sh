#!/bin/bash
# Takes a lab down: guest, bridge, tap and namespace, if they were made here, and nothing else. Harmless when nothing is there.
#
#   clean-up.sh                the lab LAB_NAME
#   clean-up.sh --abandoned    labs of test runs that were killed
. "$(dirname "$0")/settings.sh"
if [ "${1:-}" = --abandoned ]; then
  for owner in "$LAB"/state/*/owner; do
    [ -e "$owner" ] || continue
    # Who made it writes down its process and when that began.
    read -r process began <"$owner"
    [ "$(cut -d' ' -f22 "/proc/$process/stat" 2>/dev/null)" = "$began" ] || LAB_NAME=$(basename "$(dirname "$owner")") "$0"
  done
  exit 0
fi
"$HERE/stop-guest.sh"
# In the namespace of a test run, everything is the run's.
if [ -e "$STATE/owner" ] && [ -e "$STATE/namespace" ]; then
  ip netns pids "$LAB_NAME" 2>/dev/null | xargs -r kill -KILL 2>/dev/null || true
fi
if [ -e "$STATE/namespace" ]; then ip netns delete "$LAB_NAME" 2>/dev/null || true; fi # bridge and tap go with it
rm -rf "$STATE"
