#!/bin/bash
# Compiles a program for the guest, once for each version of it, and prints where it is. Needs gcc; the headers come from Debian packages.
#
#   build-peer.sh [NAME]       NAME is rdma-peer (default) or rdma-data-peer
. "$(dirname "$0")/settings.sh"
name=${1:-rdma-peer}
mkdir -p "$LAB/tools" "$LAB/debs/dev" "$LAB/state"
exec 9>"$LAB/build.lock"
flock 9
program=$LAB/tools/$name-$(cat "$HERE/$name.c" "$HERE/build-peer.sh" | sha256sum | cut -c1-16)
if [ ! -e "$program" ]; then
  command -v gcc >/dev/null || die "gcc is not installed"
  headers=$LAB/tools/headers
  if [ ! -e "$headers/complete" ]; then
    rm -rf "$headers"
    (cd "$LAB/debs/dev" && apt-get -qq -o APT::Sandbox::User=root download librdmacm-dev libibverbs-dev librdmacm1 libibverbs1 >&2)
    for archive in "$LAB"/debs/dev/*.deb; do dpkg-deb -x "$archive" "$headers"; done
    touch "$headers/complete"
  fi
  libraries=$headers/usr/lib/x86_64-linux-gnu
  gcc -O2 -Wall -Wextra -Werror -isystem "$headers/usr/include" -o "$program.new" "$HERE/$name.c" \
    -L"$libraries" -Wl,--unresolved-symbols=ignore-in-shared-libs -lrdmacm -libverbs
  strip "$program.new"
  mv "$program.new" "$program"
fi
echo "$program"
