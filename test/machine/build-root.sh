#!/bin/sh
# Makes the root folder of a node: Debian 12 with its own kernel, systemd, cloud-init and runc. As root; it takes two to ten minutes, most
# of which are downloads.
# usage: build-root.sh FOLDER DOWNLOADS
set -eu
packages=systemd-sysv,udev,dbus,linux-image-cloud-amd64,cloud-init,qemu-guest-agent,runc,iproute2,curl,ca-certificates,kmod
packages=$packages,ifupdown,isc-dhcp-client,netbase,procps,util-linux,tar,gzip,python3
# cloud-init needs it, but by a virtual name, which debootstrap does not understand.
packages=$packages,python3-cffi-backend

# The mirror of this machine, if it is a Debian.
mirror=$(sed -n 's/^URIs: //p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
debootstrap --cache-dir="$2" --variant=minbase --include="$packages" bookworm "$1" "${mirror:-http://deb.debian.org/debian}"
rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*
