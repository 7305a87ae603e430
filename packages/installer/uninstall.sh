#!/bin/sh
# Removes what install.sh of the archive installed: `sudo /usr/libexec/ocir-broker/uninstall.sh`. /etc/ocir-broker stays. What was
# there before, the kubelet's configuration and a program with the plugin's name, comes back; if there was no such program and a
# kubelet names it, one that answers "no credentials" stays there, as a kubelet without its plugin does not start.
# No word here is a pattern.
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
# $libexec with this script and the list goes last: killed before, it may be run again.
# shellcheck disable=SC2046 # one path a line, all of them ours
rm -f $(grep -v "^$libexec/" $list | sed 'p; s/$/.ocir-broker-new/')
rm -rf /usr/share/doc/ocir-broker $libexec
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
