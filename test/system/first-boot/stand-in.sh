#!/bin/sh
# Stands for the archive's install.sh and for the installed ocir-broker, with their contract: whatever ends it, a kubelet can start, and
# the next run completes it; SIGTERM takes back what it has done. /etc/behaviour: how it fails; "killed-N": before its Nth step.
version=VERSION step=0
here=PROGRAM
flags="--image-credential-provider-config=/etc/kubernetes/credential-provider-config.yaml --image-credential-provider-bin-dir=/usr/local/bin"
behaviour=$(cat /etc/behaviour 2>/dev/null)
[ "$behaviour" != does-not-start ] || exec /not/there

next() {
  step=$((step + 1))
  [ "$behaviour" != killed-$step ] || kill -KILL $$
  [ "$behaviour" != hangs-$step ] || { : >/run/hangs && sleep 600; }
}
put() { # PATH MODE: replaces it by stdin
  next
  [ -e "$1" ] || made="$1 $made"
  mkdir -p "${1%/*}"
  cat >"$1.ocir-broker-new" && chmod "$2" "$1.ocir-broker-new" && mv -f "$1.ocir-broker-new" "$1"
}
undo() { # CODE: TEXT
  # shellcheck disable=SC2086 # words
  rm -f $made
  echo "ocir-broker: $1" >&2
  exit 1
}
value() { printf '%s' "$args" | tr ' ' '\n' | sed -n "/^$1\$/{n;p;}; s/^$1=//p" | tail -n 1; }

case "${0##*/} $*" in
  install.sh*) from=$0 ;;
  *" --version")
    [ "$behaviour" != hangs-at-version ] || sleep 600
    echo $version
    exit
    ;;
  *" node status") exit ;;
  *" node connect --kubelet-flags --restart")
    before=$(cat /etc/kubelet-unit)
    sed -i "/image-credential/!s|ARGS=|&$flags|" /etc/kubelet-unit
    if ! grep -q image-credential /etc/kubelet-unit; then
      echo "ocir-broker: kubelet-flags: the kubelet's unit has no place for them" >&2
      exit 1
    fi
    [ "$before" != "$(cat /etc/kubelet-unit)" ] || exit 0
    systemctl --no-block restart kubelet
    if [ "$behaviour" = kubelet-is-unseen ]; then
      echo "ocir-broker: kubelet-unseen: systemd has not restarted the kubelet yet" >&2
      exit 75
    fi
    [ ! -e /run/kubelet-pid ] || exit 0
    echo "$before" >/etc/kubelet-unit
    systemctl --no-block restart kubelet
    echo "ocir-broker: kubelet-restart: it is restarted without its flags" >&2
    exit 1
    ;;
  *" node install "*) from='' ;;
  *) exit 64 ;;
esac
args='' made=''
for word; do
  case $word in --kubelet-args=*) args=${word#*=} ;; esac
done
echo "ocir-broker: installing" >&2
[ -n "$from" ] || [ "$behaviour" != incomplete ] || exit 75
trap 'undo "killed: by a signal"' TERM
config=$(value --image-credential-provider-config) bin_dir=$(value --image-credential-provider-bin-dir)
[ -z "$from" ] || put $here 755 <"$from"
put "${bin_dir:-/usr/local/bin}/credential-provider-oke" 755 <<PLUGIN
#!/bin/sh
echo $version
PLUGIN
put "${config:-/etc/kubernetes/credential-provider-config.yaml}" 644 <<'CONFIG'
kind: CredentialProviderConfig
apiVersion: kubelet.config.k8s.io/v1
providers:
  - {name: credential-provider-oke, apiVersion: credentialprovider.kubelet.k8s.io/v1, matchImages: ['*.ocir.io'], defaultCacheDuration: 0s}
CONFIG
next
[ "$behaviour" != fails ] || undo "connect: the kubelet's configuration cannot be changed"
[ -n "$config" ] || printf '%s ' "${flags% *}"
[ -n "$bin_dir" ] || echo "${flags#* }"
