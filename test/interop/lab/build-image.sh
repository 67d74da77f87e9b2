#!/bin/bash
# Makes the guest's kernel and root file system from Debian packages, and keeps them. Prints the kernel's version.
#
#   build-image.sh [SERIES]    SERIES is 6.12 (default) or 6.1
#
# Needs root, a Debian 12 apt (run "apt-get update" first if it finds nothing), busybox-static, zstd or xz as the packages ask.
. "$(dirname "$0")/settings.sh"
series=${1:-6.12}
recipe=$(cat "$HERE/build-image.sh" "$HERE/guest-init" "$HERE/guest-exec" | sha256sum | cut -c1-16)

mkdir -p "$LAB/images" "$LAB/debs/kernel" "$LAB/apt/partial" "$LAB/state"
exec 9>"$LAB/build.lock"
flock 9

# The newest image of the series that was made by this very recipe.
ready=$(find "$LAB/images" -mindepth 2 -maxdepth 2 -name "recipe-$recipe" -path "*/$series.*" -printf '%h\n' | sort -V | tail -1)
if [ -n "$ready" ]; then
  basename "$ready"
  exit 0
fi

packages="libc6 bash coreutils grep sed gawk util-linux procps findutils kmod iproute2 iputils-ping tcpdump socat iptables
  rdma-core ibverbs-providers ibverbs-utils rdmacm-utils librdmacm1 perftest qperf busybox-static base-files"
modules="virtio_pci virtio_net virtio_rng ib_core ib_uverbs ib_cm iw_cm ib_umad rdma_cm rdma_ucm rdma_rxe
  crc32_generic crc32c_generic crc32_pclmul crc32c-intel af_packet ipv6 sch_netem xt_u32 xt_statistic nft_compat nf_tables ip_tables iptable_filter ip6table_filter xt_udp xt_tcpudp"

case $series in
6.12) kernel_package=$(apt-cache search '^linux-image-6\.12\.[0-9]+\+deb12-amd64$' | awk '{print $1}' | sort -V | tail -1) ;;
6.1) kernel_package=$(apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-6\.1\./{print $2}' | tail -1) ;;
*) die "series $series is not known: 6.12 or 6.1" ;;
esac
# Without a network, what was fetched before will do.
kept=$(find "$LAB/debs/kernel" -name "linux-image-$series.*.deb" | sort -V | tail -1)
if [ -n "$kernel_package" ] && [ -z "$(find "$LAB/debs/kernel" -name "${kernel_package}_*.deb")" ]; then
  (cd "$LAB/debs/kernel" && apt-get -qq -o APT::Sandbox::User=root download "$kernel_package" >&2) || kernel_package=
fi
if [ -n "$kernel_package" ]; then kept=$(find "$LAB/debs/kernel" -name "${kernel_package}_*.deb" | sort -V | tail -1); fi
[ -n "$kept" ] || die "no kernel package of series $series can be had: run apt-get update, on Debian 12"

scratch=$(mktemp -d "$LAB/build.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root

echo "fetching packages" >&2
: >"$scratch/status" # As if nothing were installed: the whole closure is wanted.
# shellcheck disable=SC2086 # a list
apt-get -qq -o Dir::State::status="$scratch/status" -o Dir::Cache::archives="$LAB/apt/" -o Debug::NoLocking=1 \
  -o APT::Install-Recommends=0 -o APT::Sandbox::User=root -y --download-only install $packages >&2
# The closure by name: the cache may hold more.
# shellcheck disable=SC2086
apt-get -qq -o Dir::State::status="$scratch/status" -o Debug::NoLocking=1 -o APT::Install-Recommends=0 \
  -s install $packages | awk '$1 == "Inst" {print $2}' >"$scratch/closure"

echo "unpacking" >&2
mkdir -p "$root"/usr/{bin,sbin,lib,lib64,share}
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
while read -r package; do
  case $package in
  perl* | libperl* | python* | libpython* | udev | libdb5* | debconf | adduser | passwd | dpkg | libpam* | pci.ids | media-types | lib*-perl) continue ;;
  esac
  archive=$(find "$LAB/apt" -maxdepth 1 -name "${package}_*.deb" | sort -V | tail -1)
  [ -n "$archive" ] || die "apt did not fetch $package"
  dpkg-deb --fsys-tarfile "$archive" | tar -x --keep-directory-symlink -C "$root" \
    --exclude='./usr/share/doc*' --exclude='./usr/share/man*' --exclude='./usr/share/locale*' --exclude='./usr/share/info*'
done <"$scratch/closure"
rm -rf "$root"/usr/share/{bash-completion,lintian} "$root"/usr/lib/udev/hwdb.d "$root"/usr/lib/x86_64-linux-gnu/gconv "$root"/var/cache
[ -e "$root/usr/lib64/ld-linux-x86-64.so.2" ] || ln -sf ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$root/usr/lib64/"
mkdir -p "$root"/{proc,sys,dev,run,tmp,root,mnt,etc,var/run,var/log,var/tmp}
echo 'root:x:0:0:root:/root:/bin/bash' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
[ -e "$root/usr/bin/awk" ] || ln -s gawk "$root/usr/bin/awk"
for tool in iptables ip6tables; do [ -e "$root/usr/sbin/$tool" ] || ln -s xtables-nft-multi "$root/usr/sbin/$tool"; done
for tool in hostname ps sh which; do [ -e "$root/usr/bin/$tool" ] || ln -s busybox "$root/usr/bin/$tool"; done
[ -c "$root/dev/console" ] || mknod -m 600 "$root/dev/console" c 5 1
[ -c "$root/dev/null" ] || mknod -m 666 "$root/dev/null" c 1 3
install -m 755 "$HERE/guest-init" "$root/init"
install -m 755 "$HERE/guest-exec" "$root/usr/bin/guest-exec"

echo "kernel $(basename "$kept")" >&2
dpkg-deb --fsys-tarfile "$kept" | tar -x -C "$scratch" ./boot ./lib
kernel=$(basename "$scratch"/boot/vmlinuz-* | sed 's/^vmlinuz-//')
mkdir -p "$root/usr/lib/modules"
mv "$scratch/lib/modules/$kernel" "$root/usr/lib/modules/"
chroot "$root" depmod "$kernel"
for module in $modules; do
  chroot "$root" modprobe -S "$kernel" --show-depends "$module" 2>/dev/null | awk '$1 == "insmod" {print $2}' || echo "no module $module" >&2
done | sort -u >"$scratch/modules"
mv "$root/usr/lib/modules/$kernel" "$scratch/all-modules"
mkdir "$root/usr/lib/modules/$kernel"
cp "$scratch"/all-modules/modules.{builtin,order,builtin.modinfo} "$root/usr/lib/modules/$kernel/"
while read -r module; do
  relative=${module#*/modules/"$kernel"/}
  target=$root/usr/lib/modules/$kernel/${relative%.xz}
  mkdir -p "$(dirname "$target")"
  case $relative in
  *.xz) xz -dc "$scratch/all-modules/$relative" >"$target" ;; # here once, not at every boot
  *) cp "$scratch/all-modules/$relative" "$target" ;;
  esac
done <"$scratch/modules"
chroot "$root" depmod "$kernel"

image=$LAB/images/$kernel
rm -rf "$image.new"
mkdir "$image.new"
cp "$scratch/boot/vmlinuz-$kernel" "$image.new/vmlinuz"
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$image.new/initramfs.cpio" # not compressed: boots fastest under emulation
touch "$image.new/recipe-$recipe"
rm -rf "$image"
mv "$image.new" "$image"
echo "$kernel"
