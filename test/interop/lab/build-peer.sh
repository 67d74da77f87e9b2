#!/bin/bash
# Compiles rdma-peer.c, once for each version of it, and prints where the program is. Needs gcc; the headers come from Debian packages.
. "$(dirname "$0")/settings.sh"
mkdir -p "$LAB/tools" "$LAB/debs/dev" "$LAB/state"
exec 9>"$LAB/build.lock"
flock 9
program=$LAB/tools/rdma-peer-$(cat "$HERE/rdma-peer.c" "$HERE/build-peer.sh" | sha256sum | cut -c1-16)
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
  gcc -O2 -Wall -Wextra -Werror -isystem "$headers/usr/include" -o "$program.new" "$HERE/rdma-peer.c" \
    -L"$libraries" -Wl,--unresolved-symbols=ignore-in-shared-libs -lrdmacm
  strip "$program.new"
  mv "$program.new" "$program"
fi
echo "$program"
