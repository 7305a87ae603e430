#!/bin/sh
# Stands for the archive's ocir-broker, with its contract: `node install` undoes nothing if it is killed, `node remove --unfinished`
# then restores what was there. /etc/behaviour: how it fails; "killed-N": before its Nth step.
version=VERSION record=/var/lib/ocir-broker-unfinished step=0
behaviour=$(cat /etc/behaviour 2>/dev/null)
here=/usr/libexec/ocir-broker/ocir-broker
[ "$behaviour" != does-not-start ] || exec /not/there

next() {
  step=$((step + 1))
  [ "$behaviour" != killed-$step ] || kill -KILL $$
  [ "$behaviour" != hangs-$step ] || sleep 600
}
put() { # PATH MODE: replaces it by stdin
  next
  echo "$1" >>$record
  [ ! -e "$1" ] || cp -a "$1" "$1.before"
  next
  mkdir -p "${1%/*}"
  cat >"$1.ocir-broker-new" && chmod "$2" "$1.ocir-broker-new" && mv -f "$1.ocir-broker-new" "$1"
}
undo() {
  [ -e $record ] || return 0
  tac $record | while read -r file; do
    rm -f "$file"
    [ ! -e "$file.before" ] || mv "$file.before" "$file"
  done
  rm $record
}
value() { printf '%s' "$args" | tr ' ' '\n' | sed -n "/^$1\$/{n;p;}; s/^$1=//p" | tail -n 1; }

case "$1 ${2-}" in
  "--version ")
    [ "$behaviour" != hangs-at-version ] || sleep 600
    echo $version
    exit
    ;;
  "node status")
    tr '\0' ' ' <"/proc/$(systemctl show --property=MainPID --value kubelet)/cmdline" | grep -q 'provider-config.*bin-dir' &&
      echo "kubelet: nothing to do"
    exit 0
    ;;
  "node connect")
    sed -i '/image-credential/!s|ARGS=|&--image-credential-provider-config=/etc/kubernetes/credential-provider-config.yaml --image-credential-provider-bin-dir=/usr/local/bin|' /etc/kubelet-unit
    grep -q image-credential /etc/kubelet-unit && exit
    echo "ocir-broker: kubelet-flags: the kubelet's unit has no place for them" >&2
    exit 1
    ;;
  "node disconnect")
    sed -i 's|ARGS=.*"|ARGS="|' /etc/kubelet-unit
    exit 0
    ;;
  "node remove")
    undo
    exit
    ;;
esac
from='' args=
for word; do
  case $word in --kubelet-args=*) args=${word#*=} ;; esac
  [ "${last-}" != --from ] || from=$word
  last=$word
done
echo "ocir-broker: installing" >&2
[ -n "$from" ] || [ "$behaviour" != incomplete ] || exit 75
undo
config=$(value --image-credential-provider-config) bin_dir=$(value --image-credential-provider-bin-dir)
[ -z "$from" ] || put $here 755 <"$from$here"
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
if [ "$behaviour" = fails ]; then
  undo
  echo "ocir-broker: connect: the kubelet's configuration cannot be changed" >&2
  exit 1
fi
while read -r file; do rm -f "$file.before"; done <$record
rm $record
flags=
[ -n "$config" ] || flags="--image-credential-provider-config=/etc/kubernetes/credential-provider-config.yaml"
[ -n "$bin_dir" ] || flags="$flags --image-credential-provider-bin-dir=/usr/local/bin"
[ -z "$flags" ] || echo "${flags# }"
