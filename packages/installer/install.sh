#!/bin/sh
# Installs ocir-broker from this folder, or upgrades to it: `sudo ./install.sh`. Its arguments are those of `ocir-broker node install`.
here=$(cd "$(dirname "$0")" && pwd -P) || exit
program=$here/ocir-broker
if ! said=$("$program" version 2>&1); then
  echo "ocir-broker: install: it does not run here: $said
This archive is for Linux on MACHINE, and this is $(uname -s) on $(uname -m).
It needs glibc 2.28 and libstdc++: dnf install libstdc++, or apt-get install libstdc++6.
If those are there: is this folder on a file system mounted noexec, or is the archive damaged (sha256sum -c SHA256SUMS)?" >&2
  exit 1
fi
exec "$program" node install --from "$here" "$@"
