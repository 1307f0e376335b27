#!/usr/bin/env bash
# machine.sh DIR: boots systemd over this machine's files, for a test. It runs as the
# first process of new namespaces, as root; nothing that happens in it is seen outside,
# and it ends with that process. DIR/units is what is laid over /, DIR/root is where the
# machine's files are.
set -euo pipefail
dir=$1
root=$dir/root
mkdir -p "$dir/up" "$root"
mount --make-rprivate /
mount -t tmpfs tmpfs "$dir/up"
mount --rbind / "$root"
for at in run tmp; do mount -t tmpfs tmpfs "$root/$at"; done
for at in etc var usr; do
	mkdir "$dir/up/$at" "$dir/up/$at.work"
	mount -t overlay overlay -o "lowerdir=/$at,upperdir=$dir/up/$at,workdir=$dir/up/$at.work" "$root/$at"
done
umount -l "$root/sys"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t proc proc "$root/proc"
cp -a "$dir/units/." "$root/"
export container=hb-test
exec chroot "$root" /lib/systemd/systemd --system --unit=hb-test.target --log-target=console --show-status=no
