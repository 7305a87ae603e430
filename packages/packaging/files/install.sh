#!/bin/sh
# Installs ocir-broker from this folder, or upgrades to it: `sudo ./install.sh`. Checks first whether it runs on this machine;
# if not, nothing is changed. It does not touch the kubelet. Away again with /usr/libexec/ocir-broker/uninstall.sh.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
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

# One by one, each by a rename: what runs goes on, and nothing is ever half there.
cd "$here"
find usr -type f | LC_ALL=C sort | while read -r file; do
  mkdir -p "/${file%/*}"
  cp "$file" "/$file.ocir-broker-new"
  mv -f "/$file.ocir-broker-new" "/$file"
done
if command -v restorecon >/dev/null; then find usr -type f | sed 's|^|/|' | xargs restorecon -F || true; fi
/usr/libexec/ocir-broker/setup install
echo "installed: $said"
