#!/bin/sh
# The metadata key oke_init_script, as Oracle's page contengusingcustomcloudinitscripts and oracle/terraform-provider-oci#1504 run it
exec bootstrap oke-init '--kubelet-extra-args' "$@"
