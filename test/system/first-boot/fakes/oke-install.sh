#!/bin/sh
# /etc/oke/oke-install.sh of Oracle Linux images: names of flags by oracle/karpenter-provider-oci, docs/guide/advanced-use-cases.md
exec bootstrap oke-install '--apiserver-endpoint --kubelet-ca-cert --cluster-dns --kubelet-extra-args' "$@"
