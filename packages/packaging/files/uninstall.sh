#!/bin/sh
# Removes what install.sh of the archive installed: `sudo /usr/libexec/ocir-broker/uninstall.sh`. /etc/ocir-broker stays. What had
# the kubelet's plugin's name before comes back; if nothing had and a kubelet names it, a program that answers
# "no credentials" stays there, as a kubelet without its plugin does not start.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
libexec=/usr/libexec/ocir-broker

[ "$(id -u)" = 0 ] || {
  echo "ocir-broker: uninstall: run it as root" >&2
  exit 1
}
$libexec/setup remove
rm -f /usr/lib/systemd/system/ocir-broker.service /usr/lib/systemd/system/ocir-broker.socket \
  /usr/lib/systemd/system/ocir-broker-health.socket /usr/lib/sysusers.d/ocir-broker.conf /usr/lib/tmpfiles.d/ocir-broker.conf
rm -rf /usr/share/doc/ocir-broker $libexec
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
