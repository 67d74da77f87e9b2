#!/bin/bash
# Boots the guest in a network namespace of its own, which it makes if need be, and waits until it answers.
#
#   boot-guest.sh KERNEL       as printed by build-image.sh
#   environment: MTU=1500 (4200 gives RDMA's 4096), LAB_NAME, ACCELERATOR=tcg (kvm where there is one), READY_SECONDS=300
#
# In the namespace: bridge "lab" with 10.77.0.1 and fd77::1 for us; the guest is 10.77.0.2 and fd77::2.
. "$(dirname "$0")/settings.sh"
kernel=$1
mtu=${MTU:-1500}
accelerator=${ACCELERATOR:-tcg}
image=$LAB/images/$kernel
[ -e "$image/initramfs.cpio" ] || die "there is no image of $kernel: build-image.sh makes it"
mkdir -p "$STATE"
if [ -s "$STATE/qemu.pid" ] && kill -0 "$(cat "$STATE/qemu.pid")" 2>/dev/null; then die "a guest is running in $LAB_NAME"; fi

if [ ! -e "/var/run/netns/$LAB_NAME" ]; then
  ip netns add "$LAB_NAME"
  touch "$STATE/namespace" # ours to delete
fi
inside ip link set lo up
if ! inside ip link show lab >/dev/null 2>&1; then
  inside ip link add lab type bridge mcast_snooping 0 forward_delay 0
  inside ip address add 10.77.0.1/16 dev lab
  inside ip -6 address add fd77::1/64 dev lab nodad
  inside ip tuntap add guest mode tap
  inside ip link set guest master lab
fi
inside ip link set guest mtu "$mtu" up
inside ip link set lab address 52:54:00:77:00:fe mtu "$mtu" up

case $accelerator in kvm) cpu=host ;; *) cpu=max,-la57 ;; esac
rm -f "$STATE/console.log"
inside qemu-system-x86_64 -accel "$accelerator" -cpu "$cpu" -M q35 -m 1024 -smp 1 -nodefaults -no-user-config -display none -no-reboot \
  -kernel "$image/vmlinuz" -initrd "$image/initramfs.cpio" \
  -append "console=ttyS0 quiet panic=1 nokaslr mitigations=off nowatchdog audit=0 random.trust_cpu=on rdinit=/init lab.mtu=$mtu" \
  -netdev tap,id=rdma,ifname=guest,script=no,downscript=no \
  -device "virtio-net-pci,netdev=rdma,mac=52:54:00:77:00:01,romfile=,host_mtu=$mtu" \
  -netdev "user,id=control,restrict=on,hostfwd=tcp:127.0.0.1:$CONTROL_PORT-10.0.2.15:1022" \
  -device virtio-net-pci,netdev=control,romfile= -device virtio-rng-pci \
  -chardev "socket,id=console,path=$STATE/console,server=on,wait=off,logfile=$STATE/console.log,logappend=off" -serial chardev:console \
  -pidfile "$STATE/qemu.pid" -daemonize

end=$((SECONDS + ${READY_SECONDS:-300}))
until grep -aq LAB-READY "$STATE/console.log" 2>/dev/null; do
  kill -0 "$(cat "$STATE/qemu.pid")" 2>/dev/null || die "qemu ended; its console: $(tail -5 "$STATE/console.log")"
  [ "$SECONDS" -lt "$end" ] || die "the guest is not ready after ${READY_SECONDS:-300} s; its console: $(tail -5 "$STATE/console.log")"
  sleep 0.2
done
echo "Linux $kernel at 10.77.0.2 and fd77::2, ready in $SECONDS s"
