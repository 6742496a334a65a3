#!/bin/bash
# Run by cloud-init in the deployed and booted system: says on its standard output, the
# second serial line, what the deployment came to. The host compares every line.
echo 'boot-test: begin'
echo "host $(hostname)"
[ -d /sys/firmware/efi ] && echo 'firmware uefi' || echo 'firmware bios'
if [ -d /sys/firmware/efi ]; then
	current=$(efibootmgr | sed -n 's/^BootCurrent: //p')
	efibootmgr | sed -n "s/^Boot$current\* \([^\t]*\).*/boot entry \1/p"
fi
for mount in / /boot /home; do
	findmnt -no TARGET,FSTYPE "$mount" | tr -s ' '
done
swapon --noheadings --show=TYPE
echo "ssh $(systemctl is-active ssh)"
SYSTEMD_COLORS=0 systemctl --failed --no-legend --plain
grep -q 'DataSourceNoCloud.*file:///curtin/' /var/lib/cloud/instance/datasource && echo 'NoCloud from file:///curtin/'
# Words of the image's own command line, and of the machine of origin.
grep -ow 'net.ifnames=0' /proc/cmdline
grep -o 'resume=[^ ]*' /proc/cmdline
ip -br address show eth0 | tr -s ' ' | cut -d' ' -f1-3
/usr/local/bin/drpcli
[ -s /etc/machine-id ] && echo 'machine-id made'
setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all /srv/witness/capability /etc/shadow >/dev/null && echo 'capability works'
setpriv --reuid 1234 --regid 65534 --clear-groups --inh-caps=-all cat /srv/witness/acl >/dev/null && echo 'acl works'
[ ! -e /etc/layer ] || echo "layer $(cat /etc/layer), $(find /etc/skel -type f -printf '%f\n' | sort | tr '\n' ' ')and $(cat /etc/update-motd.d)"
bash /curtin/witness.sh show /
echo 'boot-test: end'
