# A private copy of this machine's folders and network, for one run of ocir-broker-node.sh as root: nothing that it does remains.
# usage: unshare -mnpf --mount-proc sh room.sh OUTPUT SCENARIO
set -eu
here=$(dirname "$0") out=$1 scenario=$2
ip link set lo up
ip address add 169.254.169.254/32 dev lo
mount -t tmpfs none /mnt
for folder in etc opt usr/local usr/libexec var/lib; do
  upper=/mnt/$(echo $folder | tr / -)
  mkdir -p "$upper/upper" "$upper/work"
  mount -t overlay none -o "lowerdir=/$folder,upperdir=$upper/upper,workdir=$upper/work" "/$folder"
done
mount -t tmpfs none /run
: >/run/console
mount --bind /run/console /dev/console
rm -rf /etc/kubernetes /usr/libexec/ocir-broker* /usr/local/bin/credential-provider-oke*
cp "$here"/fakes/* /usr/local/bin/
mkdir /run/image && mv /usr/local/bin/oke-in* /run/image
mkdir -p /etc/kubernetes /opt/ocir-broker /opt/plugins
node "$here/../serve-folder.mjs" "$out/metadata" 169.254.169.254 80 &
until curl -so /dev/null http://169.254.169.254/; do sleep 0.02; done
# All rooms share the control groups of the machine.
group=/mnt/cgroup/room-$(cat /proc/sys/kernel/random/uuid)
set +e

# Runs a command in a control group with the name of cloud-init's unit, as user data.
first_boot() {
	mkdir -p /mnt/cgroup
	mountpoint -q /mnt/cgroup || mount -t cgroup2 none /mnt/cgroup
	mkdir -p "$group/cloud-final.service"
	(sh -c 'echo $PPID >"$0/cloud-final.service/cgroup.procs"' "$group" && "$@")
	set -- $?
	rmdir "$group/cloud-final.service" "$group" 2>/dev/null
	return "$1"
}

# The state in which an image's kubelet is when user data runs. An image that was made of a node has old credentials.
kubelet_is() {
	[ -e /etc/kubelet-unit ] || printf '[Service]\nEnvironment="KUBELET_EXTRA_ARGS="\nExecStart=kubelet %s %s $KUBELET_EXTRA_ARGS\n' \
		--bootstrap-kubeconfig=/etc/hostname --kubeconfig=/etc/kubernetes/kubelet.conf >/etc/kubelet-unit
	echo old >/etc/kubernetes/kubelet.conf
	touch -d @1000000000 /etc/kubernetes/kubelet.conf
	case $1 in
		crash-looping) : >/run/crash-looping ;; # weka's notes on OKE, TROUBLESHOOTING
		active) joined ;;
		# oke.service: dev-null-loop/private-oke-karpenter, gitops/ubuntu-oke-image-notes.md
		oke.service) : >/run/activating && { sleep "${image_s:-3}" && joined && rm /run/activating; } & ;;
	esac
}
image_has() { # oke-install.sh or oke-init.sh
	case $1 in
		oke-init.sh) base64 /run/image/oke-init.sh >"$out/metadata/oke_init_script" ;;
		*) mkdir -p /etc/oke && mv "/run/image/$1" /etc/oke/ ;;
	esac
}
no_oke() { rm /usr/local/bin/oke; }
joined() { echo bootstrapped >>/run/bootstraps && echo new >/etc/kubernetes/kubelet.conf && systemctl restart kubelet; }

# Prints "starts" if a kubelet starts with these arguments: by ocir-broker's rules of it, which kubelet-oracle.test.ts compares with its code.
kubelet() {
  words=$(printf '%s\n' "$@")
  config=$(echo "$words" | sed -n 's/^--image-credential-provider-config=//p' | tail -n 1)
  bin_dir=$(echo "$words" | sed -n 's/^--image-credential-provider-bin-dir=//p' | tail -n 1)
  if [ -z "$config$bin_dir" ] || "$BROKER" kubelet-config check "$config" --bin-dir "$bin_dir" --kubelet-version 1.34 >/dev/null 2>&1; then echo starts; fi
}
. "$scenario"
cp /run/console "$out/console"
