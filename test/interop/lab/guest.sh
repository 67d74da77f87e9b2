#!/bin/bash
# Runs a bash command in the guest, prints what it prints, and ends with its status.
#
#   guest.sh 'COMMAND'
. "$(dirname "$0")/settings.sh"
inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/"$1"; base64 -w0 <<<"$2" >&3; echo >&3; cat <&3' _ "$CONTROL_PORT" "$*" |
  awk '/^@@status=[0-9]+$/ {status = substr($0, 10); told = 1; exit} {print} END {exit told ? status : 255}'
