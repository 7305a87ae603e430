#!/bin/sh
# daemonset.sh: starts the DaemonSet's program on the node, with the Node of the image. enter-node runs it in the node's mount
# namespace, with OCIR_BROKER_IMAGE, the path of the image's files.
#
# usage: daemonset.sh [doctor]   doctor: runs `ocir-broker doctor` of the node instead
#
# That Node needs the same library as the daemon's, and it cannot report that the library is missing.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022

if [ "${1-}" = doctor ]; then exec /usr/local/bin/ocir-broker doctor; fi

has_library() { ldconfig -p | grep -q 'libatomic\.so\.1 '; }

if ! has_library; then
  echo "ocir-broker-daemonset: libatomic is missing: installing it"
  if command -v dnf >/dev/null; then
    timeout 90 dnf -q -y install libatomic >/dev/null 2>&1
  else
    timeout 90 apt-get -qq -y install libatomic1 >/dev/null 2>&1
  fi
  if ! has_library; then
    echo "ocir-broker-daemonset: libatomic.so.1 is missing: put libatomic (Ubuntu: libatomic1) into the node's image"
    exit 1
  fi
fi
unset NODE_OPTIONS NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED
folder=$OCIR_BROKER_IMAGE/ocir-broker
# The path leads through an open descriptor and has no meaning once its links are resolved.
exec "$folder/node" --preserve-symlinks --preserve-symlinks-main --max-old-space-size=64 --no-addons --disable-sigusr1 \
  "$folder/daemonset.mjs"
