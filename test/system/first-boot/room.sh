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
mkdir -p /etc/kubernetes /opt/ocir-broker /opt/plugins
node "$here/metadata.mjs" "$out/metadata" &
until curl -so /dev/null http://169.254.169.254/; do sleep 0.02; done
set +e

# Prints "starts", or why a kubelet does not, with these arguments: a real one if it is built, else ocir-broker's rules of it.
kubelet() {
  if [ -z "$KUBELET" ]; then
    rules "$@"
    return
  fi
  config=/run/kubelet.yaml log=/run/kubelet.log socket=/run/containerd.sock
  if [ ! -S $socket ]; then
    printf 'version = 3\nroot = "/run/c"\nstate = "/run/cs"\n[grpc]\naddress = "%s"\n' $socket >/run/containerd.toml
    "$CONTAINERD" -c /run/containerd.toml >/run/containerd.log 2>&1 &
    until [ -S $socket ]; do sleep 0.02; done
  fi
  cat >$config <<CONFIG
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {webhook: {enabled: false}, anonymous: {enabled: true}}
authorization: {mode: AlwaysAllow}
failSwapOn: false
CONFIG
  : >$log
  "$KUBELET" --config $config --root-dir /run/k --container-runtime-endpoint unix://$socket "$@" >$log 2>&1 &
  process=$!
  until grep -q "Started kubelet" $log || ! kill -0 $process; do sleep 0.02; done 2>/dev/null
  if grep -q "Started kubelet" $log; then echo starts; else tail -n 2 $log; fi
  kill -KILL $process 2>/dev/null
  wait $process 2>/dev/null
}

rules() {
  words=$(printf '%s\n' "$@")
  config=$(echo "$words" | sed -n 's/^--image-credential-provider-config=//p' | tail -n 1)
  bin_dir=$(echo "$words" | sed -n 's/^--image-credential-provider-bin-dir=//p' | tail -n 1)
  if [ -z "$config$bin_dir" ] || "$BROKER" kubelet-config check "$config" --bin-dir "$bin_dir" --kubelet-version "$VERSION" >/dev/null 2>&1; then echo starts; fi
}
. "$scenario"
cp /run/console "$out/console"
