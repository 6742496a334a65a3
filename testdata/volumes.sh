#!/bin/bash
# Runs as init in a guest of guest.sh: makes a mirror with a volume group on it, and on that
# what TestOnVolumes (/volumes.test) captures, by /image-capture. The last line is the
# verdict.
# shellcheck source=/dev/null
. /guest-init.sh
/lib/systemd/systemd-udevd --daemon
udevadm trigger
udevadm settle
modprobe -a raid1 dm-mod dm-snapshot dm-thin-pool xfs
ip link set lo up 2>/dev/null || true

mdadm --create /dev/md0 --level=1 --raid-devices=2 --metadata=1.2 --assume-clean --run /dev/vdb /dev/vdc
pvcreate -q /dev/md0
vgcreate -q vg-0 /dev/md0
lvcreate -q -y -n root -L 128M vg-0
lvcreate -q -y -n my-home -L 320M vg-0
lvcreate -q -y -T -L 64M -V 100M -n thin vg-0/pool
mkfs.ext4 -q /dev/vg-0/root
mkfs.xfs -q /dev/vg-0/my-home
mkfs.ext4 -q /dev/vg-0/thin
mkfs.ext4 -q /dev/vdd
mkdir /src
mount /dev/vg-0/root /src
mkdir /src/{home,srv,boot,etc}
mount /dev/vg-0/my-home /src/home
mount /dev/vg-0/thin /src/srv
mount /dev/vdd /src/boot
echo kernel >/src/boot/vmlinuz
dd if=/dev/zero of=/src/swapfile bs=1M count=8 status=none
chmod 600 /src/swapfile
mkswap -q /src/swapfile
swapon /src/swapfile
cd /tmp || end "failed: no /tmp"
IMAGE_CAPTURE_VOLUMES=/src PATH=/:$PATH /volumes.test -test.v -test.run TestOnVolumes

# Control groups as systemd has them (cgroup2), which the machine of the tests may not have.
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/user.slice
echo $$ >/sys/fs/cgroup/user.slice/cgroup.procs
[ "$(NICE_TEST=group /nice.test)" = "true false true true false false" ]
/nice.test -test.v
end passed
