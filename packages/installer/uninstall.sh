#!/bin/sh
# Removes what install.sh of the archive installed: `sudo /usr/libexec/ocir-broker/uninstall.sh`. /etc/ocir-broker stays. Restores
# the kubelet's previous configuration and the previous program at the plugin's name; if there was no such program and a
# kubelet names it, a program that answers "no credentials" stays there, because a kubelet without its plugin does not start.
# Globbing is off: no word here is a pattern.
set -euf
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
libexec=/usr/libexec/ocir-broker
list=$libexec/ocir-broker-files

fail() {
  echo "ocir-broker: uninstall: $*" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail "run it as root"
[ -e $list ] || fail "$list is missing: it was not installed from an archive"
# shellcheck source-path=SCRIPTDIR source=install-lock.sh
. $libexec/install-lock
lock
$libexec/setup remove
# $libexec with this script and the list goes last, so that it can be run again after a kill.
# shellcheck disable=SC2046 # one path a line, all of them ours
rm -f $(grep -v "^$libexec/" $list | sed 'p; s/$/.ocir-broker-new/')
rm -rf /usr/share/doc/ocir-broker $libexec
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
