#!/bin/bash
# Runs as init in a guest of testdata/guest.sh that stands for Sledgehammer: vda is its own
# root, vdb and vdc become a mirror with volumes on it, vdd has a /boot and an EFI system
# partition, vde is encrypted. Then the tasks of the pack do their work on what looks like a
# machine's disks. The last line is the verdict.
# shellcheck source=/dev/null
. /guest-init.sh
# What udev would assemble by itself, the task shall.
rm -f {/usr,}/lib/udev/rules.d/{64-md-raid-assembly,69-lvm}.rules
/lib/systemd/systemd-udevd --daemon
udevadm trigger
udevadm settle
modprobe -a raid1 dm-mod dm-crypt xfs vfat nls_cp437 nls_iso8859-1 nls_ascii nls_utf8

echo 'guest: installing a system'
mdadm --create /dev/md0 --level=1 --raid-devices=2 --metadata=1.2 --assume-clean --run /dev/vdb /dev/vdc
pvcreate -q /dev/md0
vgcreate -q vg-0 /dev/md0
lvcreate -q -y -n root -L 64M vg-0
lvcreate -q -y -n my-home -L 320M vg-0
mkfs.ext4 -q /dev/vg-0/root
mkfs.xfs -q /dev/vg-0/my-home
sfdisk -q /dev/vdd <<TABLE
label: gpt
size=16MiB, type=U, name=ESP
type=L
TABLE
udevadm settle
mkfs.vfat -n ESP /dev/vdd1 >/dev/null
mkfs.ext4 -q /dev/vdd2
# Few rounds, as an emulated processor takes long for the usual ones.
echo -n passphrase >/tmp/key
cryptsetup -q luksFormat --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /tmp/key /dev/vde
cryptsetup open --key-file /tmp/key /dev/vde vault
mkfs.ext4 -q /dev/mapper/vault
udevadm settle
mkdir /tmp/new
mount /dev/vg-0/root /tmp/new
mkdir -p /tmp/new/{boot,home,etc,curtin,vault}
mount /dev/vg-0/my-home /tmp/new/home
mount /dev/vdd2 /tmp/new/boot
mkdir /tmp/new/boot/efi
mount /dev/vdd1 /tmp/new/boot/efi
mount /dev/mapper/vault /tmp/new/vault
mkdir -p /tmp/new/boot/efi/EFI/debian
echo loader >/tmp/new/boot/efi/EFI/debian/shimx64.efi
echo sealed >/tmp/new/vault/file
echo kernel >/tmp/new/boot/vmlinuz
echo mine >/tmp/new/home/file
printf 'ID=debian\nVERSION_ID=12\n' >/tmp/new/etc/os-release
cat >/tmp/new/etc/fstab <<FSTAB
/dev/mapper/vg--0-root / ext4 defaults 0 1
/dev/vg-0/my-home /home xfs defaults 0 2
UUID=$(blkid -p -o value -s UUID /dev/vdd2) /boot ext4 defaults 0 2
PARTUUID=$(blkid -p -o value -s PART_ENTRY_UUID /dev/vdd1) /boot/efi vfat umask=0077 0 1
/dev/mapper/vault /vault ext4 defaults 0 2
/dev/vg-0/swap none swap sw 0 0
FSTAB
umount -R /tmp/new
cryptsetup close vault
vgchange -q -an vg-0
mdadm --stop /dev/md0
udevadm settle
[ -z "$(awk '/^md/' /proc/mdstat)" ]
before=$(cat /dev/vdb /dev/vdc /dev/vdd /dev/vde | md5sum)

echo 'guest: an encrypted disk that nobody opened'
if bash /image-capture-mount.sh 2>/tmp/refused; then end 'failed: the encrypted disk was left out'; fi
cat /tmp/refused
grep -q 'fstab: /vault: /dev/mapper/vault is not on the disks' /tmp/refused
if grep image-capture /proc/self/mountinfo; then end 'failed: still mounted'; fi
cryptsetup open --readonly --key-file /tmp/key /dev/vde vault

echo 'guest: mounting'
bash /image-capture-mount.sh
cat /proc/mdstat
grep image-capture /proc/self/mountinfo
grep -q kernel /mnt/image-capture/boot/vmlinuz
grep -q mine /mnt/image-capture/home/file
grep -q sealed /mnt/image-capture/vault/file
grep -q loader /mnt/image-capture/boot/efi/EFI/debian/shimx64.efi
awk '/^md/ && /read-only/ { found = 1 } END { exit !found }' /proc/mdstat
if touch /mnt/image-capture/x 2>/dev/null; then end 'failed: can write'; fi
/image-capture capture /mnt/image-capture --check off --format tar --output /tmp/image.tar
for file in home/file vault/file boot/vmlinuz boot/efi/EFI/debian/shimx64.efi; do
	tar -tf /tmp/image.tar | grep -qx "./$file"
done

echo 'guest: unmounting'
bash /image-capture-unmount.sh
if grep image-capture /proc/self/mountinfo; then end 'failed: still mounted'; fi
[ -z "$(awk '/^md/' /proc/mdstat)" ]
[ "$(echo /dev/mapper/*)" = '/dev/mapper/control /dev/mapper/vault' ]
[ "$(cat /dev/vdb /dev/vdc /dev/vdd /dev/vde | md5sum)" = "$before" ] || end 'failed: a disk was written to'

echo 'guest: a disk of the mirror is gone'
dd if=/dev/zero of=/dev/vdc bs=1M count=4 conv=notrunc status=none
udevadm settle
bash /image-capture-mount.sh
grep -q mine /mnt/image-capture/home/file
bash /image-capture-unmount.sh
end passed
