#!/bin/bash
# Installs what the lab needs and this machine lacks, on Debian as root; elsewhere, and where nothing is missing, it does nothing.
# Prints what it cannot do on one line, and ends well all the same: the tests say themselves what they miss.
set -uo pipefail
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0

needs() { command -v "$1" >/dev/null || missing+=("$2"); }
missing=()
needs qemu-system-x86_64 qemu-system-x86
needs busybox busybox-static
needs ip iproute2
needs gcc gcc
needs tshark tshark
needs flock util-linux
needs xz xz-utils
# The guest's own packages are found in apt's lists, too.
if [ ${#missing[@]} -eq 0 ] && apt-cache show busybox-static >/dev/null 2>&1; then exit 0; fi

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "apt-get update${missing[*]:+, and install ${missing[*]}}"
timeout 40 apt-get -qq update >"$log" 2>&1
[ ${#missing[@]} -eq 0 ] || timeout 80 apt-get -qq -y --no-install-recommends install "${missing[@]}" >>"$log" 2>&1 ||
  echo "apt-get failed: $(tail -n 1 "$log")"
