#!/bin/sh
# Installs ocir-broker from this folder, or upgrades to it: `sudo ./install.sh`. Checks first whether it runs on this machine;
# if not, it changes nothing. Does not touch the kubelet. To remove it: /usr/libexec/ocir-broker/uninstall.sh.
# Globbing is off: no word here is a pattern.
set -euf
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022
here=$(cd "$(dirname "$0")" && pwd -P)
program=/usr/libexec/ocir-broker/ocir-broker

fail() {
  echo "ocir-broker: install: $*" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail "run it as root"
[ "$(uname -s) $(uname -m)" = "Linux MACHINE" ] || fail "this archive is for Linux on MACHINE, and this is $(uname -s) on $(uname -m)"
if command -v dpkg >/dev/null && dpkg -S $program >/dev/null 2>&1; then fail "a .deb of it is installed: upgrade that"; fi
if command -v rpm >/dev/null && rpm -qf $program >/dev/null 2>&1; then fail "an .rpm of it is installed: upgrade that"; fi
(cd "$here" && sha256sum --quiet -c SHA256SUMS) || fail "the archive is damaged: unpack it again, or download it again"
if ! said=$("$here$program" version 2>&1); then
  fail "it does not run here: $said
It needs glibc 2.28, libstdc++ and libatomic: dnf install libatomic libstdc++, or apt-get install libatomic1 libstdc++6.
If those are there: is this folder on a file system mounted noexec?"
fi

# shellcheck source-path=SCRIPTDIR source=install-lock.sh
. "$here${program%/*}/install-lock"
lock

# Copies all files before replacing the first, so that a full disk changes nothing; then one rename each, for running programs.
cd "$here"
list=$program-files
new=$(find usr -type f | LC_ALL=C sort | sed 's|^|/|')
old=$(cat $list 2>/dev/null || true)
at_end() {
  for file in $new; do rm -f "$file.ocir-broker-new"; done
  find /usr/libexec/ocir-broker /usr/share/doc/ocir-broker -depth -type d -empty -delete 2>/dev/null || true
}
trap at_end EXIT
for file in $new; do
  mkdir -p "${file%/*}"
  cp ".$file" "$file.ocir-broker-new"
done
printf '%s\n' "$new" "$old" | LC_ALL=C sort -u >$list.ocir-broker-new
mv -f $list.ocir-broker-new $list
for file in $new; do mv -f "$file.ocir-broker-new" "$file"; done
# Removes files that only the previous version had.
for file in $old; do [ -e ".$file" ] || rm -f "$file"; done
printf '%s\n' "$new" >$list
# shellcheck disable=SC2086 # one path a line, all of them ours
if command -v restorecon >/dev/null; then restorecon -F $new || true; fi
/usr/libexec/ocir-broker/setup install
echo "installed: $said"
