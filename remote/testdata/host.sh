#!/bin/sh
# Usage: unshare --mount --pid --fork --mount-proc --kill-child remote/testdata/host.sh DIR PORT
# A host for the tests: sshd with users of its own, sudo, and its own /etc, /home, /run and
# /dev/shm, of which nothing is seen outside. DIR has the keys host_key and authorized.
set -eu
dir=$1 port=$2
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd /run/up /run/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/up,workdir=/run/work /etc
mount -t tmpfs -o size=256m tmpfs /dev/shm
chmod 1777 /dev/shm
mount -t tmpfs tmpfs /home

# The password of all is "one two".
hash=$(openssl passwd -6 'one two')
uid=5000
user() { # NAME SHELL
	uid=$((uid + 1))
	mkdir -p "/home/$1"
	chown $uid:$uid "/home/$1"
	echo "$1:x:$uid:$uid::/home/$1:$2" >>/etc/passwd
	echo "$1:x:$uid:" >>/etc/group
	echo "$1:$hash:19000:0:99999:7:::" >>/etc/shadow
}
user bash /bin/bash
user dash /bin/dash
user fish "$(command -v fish)"
user tcsh "$(command -v tcsh)"
user chatty /bin/bash
user rbash /bin/rbash
user nologin /usr/sbin/nologin
user forced /bin/bash
user parrot /bin/bash
user sftp /bin/bash
user free /bin/bash   # sudo asks for nothing
user asked /bin/bash  # sudo asks for a password
user tty /bin/bash    # sudo wants a terminal
user pty /bin/bash    # sudo makes one for the command
user denied /bin/bash # sudo lets him do nothing
printf 'echo "Welcome to image-capture, all of you"; printf "no end of this line"; echo oops >&2\n' >/home/chatty/.bashrc
cp /home/chatty/.bashrc /home/bash/.profile

cat >/etc/sudoers <<END
Defaults lecture=always, !fqdn
Defaults:tty requiretty
Defaults:pty use_pty
root ALL=(ALL) ALL
free ALL=(ALL) NOPASSWD: ALL
pty ALL=(ALL) ALL
asked ALL=(ALL) ALL
tty ALL=(ALL) NOPASSWD: ALL
END
printf 'auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n' >/etc/pam.d/sudo

# An endpoint that is on the host's side of the network.
echo 127.0.0.1 drp.test >>/etc/hosts

echo 'Unauthorized use of this host is not allowed.' >/run/banner
cat >/run/sshd_config <<END
Port $port
ListenAddress 127.0.0.1
HostKey $dir/host_key
PidFile none
AuthorizedKeysFile $dir/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
AcceptEnv *
Banner /run/banner
Subsystem sftp internal-sftp
Match User forced
	ForceCommand echo this host makes backups only
Match User parrot
	ForceCommand echo "\$SSH_ORIGINAL_COMMAND"; cat
Match User sftp
	ForceCommand internal-sftp
END
exec "$(command -v sshd || echo /usr/sbin/sshd)" -D -f /run/sshd_config -E "$dir/sshd.log"
