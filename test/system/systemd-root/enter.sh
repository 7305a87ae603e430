#!/bin/sh
# Runs as process 1 of new mount, PID, UTS, IPC, cgroup and network namespaces: mounts its own root over the host's (an overlay
# whose changes are in memory), and execs systemd. Nothing outlives the namespaces, and it never writes to the host: not to its
# /run, sysctls, devices or clock.
#
# usage: enter.sh STATE CHECKOUT [UNIT...]
# STATE/install = lines "mode<TAB>source<TAB>target"; STATE/root, STATE/memory = empty directories; UNIT = to be enabled
set -eu
state=$1 checkout=$2
shift 2
root=$state/root
units=$root/usr/lib/systemd/system

mount --make-rprivate /
# mount(8) writes to /run/mount, which would otherwise be the host's.
mount -t tmpfs -o mode=755 none /run

mount -t tmpfs -o mode=755 none "$state/memory"
mkdir "$state/memory/changed" "$state/memory/work"
mount -t overlay -o "lowerdir=/,upperdir=$state/memory/changed,workdir=$state/memory/work" none "$root"

mount -t proc -o nosuid,nodev,noexec none "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro,nosuid,nodev,noexec none "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec none "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid,nodev none "$root/run"
mount -t tmpfs -o mode=1777,nosuid,nodev none "$root/tmp"

mount -t tmpfs -o mode=755,nosuid none "$root/dev"
for node in null zero full random urandom tty; do cp -a "/dev/$node" "$root/dev/"; done
cp -a /dev/null "$root/dev/console"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 none "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev none "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"

# Starts only the units named here: no unit that the host's distribution or administrator enabled, and no generator.
rm -rf "$root/etc/systemd/system" "$root/etc/systemd/system.conf.d" "$root/run/systemd" \
  "$root/usr/lib/systemd/system-generators" "$root/etc/systemd/system-generators"
rm -rf "$units"/*.wants "$units"/*.requires
mkdir -p "$root/etc/systemd/system" "$units/sysinit.target.wants" "$units/sockets.target.wants" "$units/multi-user.target.wants"
for unit in systemd-journald.service systemd-tmpfiles-setup.service; do
  ln -s "../$unit" "$units/sysinit.target.wants/$unit"
done
for unit in systemd-journald.socket systemd-journald-dev-log.socket dbus.socket; do
  ln -s "../$unit" "$units/sockets.target.wants/$unit"
done
: >"$root/etc/fstab"
rm -rf "$root/var/log/journal"
# The names of dynamic users resolve as they do on a node.
printf '%s\n' 'passwd: files systemd' 'group: files systemd' 'shadow: files' 'hosts: files dns' >"$root/etc/nsswitch.conf"

tab=$(printf '\t')
while IFS=$tab read -r mode source target; do
  install -D -m "$mode" "$source" "$root$target"
done <"$state/install"
systemd-sysusers --root="$root"
if [ $# -gt 0 ]; then systemctl --root="$root" --quiet enable "$@"; fi

mkdir -p "$root/opt/checkout"
mount --rbind "$checkout" "$root/opt/checkout"
mount -o remount,bind,ro "$root/opt/checkout"

mkdir "$root/run/old-root"
cd "$root"
pivot_root . run/old-root
umount -l /run/old-root
rmdir /run/old-root
# Outside a container, systemd does this itself; without it, a unit's credentials and late mounts are silently empty.
mount --make-rshared /

# Resources without a namespace are out of reach: the clock, kernel modules, raw devices, the kernel's log.
# (reboot(2) in a PID namespace only ends that namespace.)
exec setpriv --inh-caps=-all --bounding-set=-sys_time,-sys_module,-sys_rawio,-syslog,-wake_alarm,-mac_admin,-mac_override -- \
  env -i container=ocir-broker-test PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  /lib/systemd/systemd --system --unit=multi-user.target </dev/null >/dev/null 2>&1
