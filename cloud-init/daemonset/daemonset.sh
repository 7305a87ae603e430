#!/bin/sh
# daemonset.sh: starts the DaemonSet's program on the node, with the Node of the image. enter-node runs it in the node's mount
# namespace, with OCIR_BROKER_IMAGE, the path of the image's files.
#
# usage: daemonset.sh [doctor]   doctor: runs `ocir-broker doctor` of the node instead
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022

if [ "${1-}" = doctor ]; then
  if ! [ -x /usr/local/bin/ocir-broker ]; then
    echo "ocir-broker-daemonset: ocir-broker is not on this node yet; run the test again when a node is installed:" \
      "kubectl get nodes -L ocir-broker/state" >&2
    exit 1
  fi
  /usr/local/bin/ocir-broker doctor
  status=$?
  # 3: a check could not be made. With service accounts, only a pod's token shows whether the pod can pull.
  [ $status = 3 ] || exit $status
  exit 0
fi

unset NODE_OPTIONS NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED
folder=$OCIR_BROKER_IMAGE/ocir-broker
# The path leads through an open descriptor and has no meaning once its links are resolved.
exec "$folder/node" --preserve-symlinks --preserve-symlinks-main --max-old-space-size=64 --no-addons --disable-sigusr1 \
  "$folder/daemonset.mjs"
