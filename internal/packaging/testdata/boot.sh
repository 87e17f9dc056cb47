#!/bin/sh
# Boots systemd on a copy of this machine's files, of which nothing is left afterwards:
# `boot.sh DIR FILE…` in namespaces of its own (see machine_test.go). DIR receives the
# copy; the files are put into its /root.
set -eu
dir=$1
shift
mount --make-rprivate /
mount -t tmpfs -o size=2g meshhook-test "$dir"
mkdir "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" meshhook-test "$dir/root"
cp "$@" "$dir/root/root/"
cd "$dir/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
for name in null zero full random urandom tty; do
	mknod -m 666 dev/$name c $(stat -c '%Hr %Lr' /dev/$name)
done
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
: > dev/console
# What else is installed here has no part in it.
for unit in etc/systemd/system/*.wants; do rm -r "$unit"; done
rm -f etc/machine-id
echo "$(cat proc/sys/kernel/random/uuid | tr -d -)" > etc/machine-id
for unit in systemd-udevd systemd-udev-trigger systemd-modules-load systemd-networkd systemd-resolved systemd-logind systemd-timesyncd; do
	ln -sf /dev/null etc/systemd/system/$unit.service
done
ip link set lo up 2> /dev/null || true
export container=other
exec chroot . /lib/systemd/systemd --system --unit=basic.target --show-status=no
