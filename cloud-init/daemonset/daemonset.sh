#!/bin/sh
# daemonset.sh: installs ocir-broker on a running node, one node of the cluster at a time. It is in the DaemonSet's image, whose
# enter-node starts it in the node's mount namespace, with the node's own sh, curl and coreutils.
#
# It uses only two objects of the API server: this node, to see whether it is cordoned, and the Lease, by which nodes take turns.
# It never drains, evicts, cordons or restarts anything. All changes of the node are in ocir-broker-node.sh.
#
# From the manifest: OCIR_BROKER_NODE, OCIR_BROKER_NAMESPACE, OCIR_BROKER_LEASE_SECONDS. From enter-node: OCIR_BROKER_IMAGE.
# Exits with 0 when the image's version is installed here, or after SIGTERM.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022

node=$OCIR_BROKER_NODE
image=$OCIR_BROKER_IMAGE
lease_s=$OCIR_BROKER_LEASE_SECONDS
account=$image/var/run/secrets/kubernetes.io/serviceaccount
ready=$image/status/ready
lease=/apis/coordination.k8s.io/v1/namespaces/$OCIR_BROKER_NAMESPACE/leases/ocir-broker
# In a folder that an uninstallation removes.
installed=/usr/libexec/ocir-broker/daemonset-installed

say() {
  printf 'ocir-broker-daemonset: %s: %s\n' "$node" "$*"
}

# Logs a state only when it changes.
told=
tell() {
  [ "$told" = "$*" ] || say "$*"
  told=$*
}

# Seconds of the monotonic clock.
look_at_clock() {
  read -r now _ </proc/uptime
  now=${now%%.*}
}

# SIGTERM ends it early.
rest() { # SECONDS
  sleep "$1" &
  wait $!
}

# Between half and all of the time, so that nodes that start together drift apart.
rest_about() { # SECONDS
  random=$(od -An -N2 -tu2 /dev/urandom)
  rest $(($1 / 2 + random % ($1 / 2 + 1)))
}

# ---- The API server

# Sets $body and $status. The token reaches curl through a pipe, so it is in no argument, file or log. A request takes at most a
# tenth of the Lease; with an installation's two thirds and its end, this is less than the whole.
request() { # METHOD PATH [PATCH]
  case $KUBERNETES_SERVICE_HOST in *:*) host="[$KUBERNETES_SERVICE_HOST]" ;; *) host=$KUBERNETES_SERVICE_HOST ;; esac
  method=$1 url=https://$host:$KUBERNETES_SERVICE_PORT$2
  shift 2
  if [ $# = 1 ]; then set -- -H 'Content-Type: application/merge-patch+json' --data-raw "$1"; fi
  body=$(printf 'Authorization: Bearer %s\n' "$(cat "$account/token")" |
    curl -q -sS --noproxy '*' --cacert "$account/ca.crt" --connect-timeout 5 --max-time $((lease_s < 200 ? lease_s / 10 : 20)) -H @- -w '\n%{http_code}' \
      -X "$method" "$@" "$url" 2>&1)
  status=${body##*"
"}
}

# Prints a field of the answer. Quotes within strings such as annotations are escaped, so no text looks like a field.
field() { # NAME
  printf '%s\n' "$body" | sed -n 's/.*[{,[:space:]]"'"$1"'": *"\{0,1\}\([^",}]*\).*/\1/p' | head -n 1
}

tell_refusal() { # WHAT WAS ASKED FOR
  case $status in
    # Removes parts that differ each time.
    000) tell "waiting: the API server does not answer: $(printf '%s\n' "$body" | sed 's/ after [0-9]* m*s//; q')" ;;
    *) tell "waiting: the API server answers $status to $1: $(printf '%s\n' "$body" |
      sed -nE 's/.*"message": *"(([^"\\]|\\.)*)".*/\1/p' | head -n 1)" ;;
  esac
}

# ---- The Lease: its holder, and the three changes of it. Each change names the version that it expects.

read_lease() {
  request GET "$lease?resourceVersion=0"
  if [ "$status" != 200 ]; then
    tell_refusal "GET Lease"
    return 1
  fi
  version=$(field resourceVersion) holder=$(field holderIdentity) promised_s=$(field leaseDurationSeconds)
  # Measures with this node's clock how long it has been unchanged, because the clocks of two nodes differ.
  look_at_clock
  if [ "$version" != "$seen_version" ]; then seen_version=$version seen_at=$now; fi
}

patch_lease() { # SPEC
  request PATCH "$lease" "{\"metadata\":{\"resourceVersion\":\"$version\"},\"spec\":$1}"
  [ "$status" = 200 ] && version=$(field resourceVersion)
}

take_turn() {
  look_at_clock
  time=$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)
  spec="{\"holderIdentity\":\"$node\",\"leaseDurationSeconds\":$lease_s,\"renewTime\":\"$time\""
  if [ "$holder" != "$node" ]; then spec="$spec,\"acquireTime\":\"$time\""; fi
  patch_lease "$spec}" && return
  # 409: another node was faster.
  [ "$status" = 409 ] || tell_refusal "PATCH Lease"
  return 1
}

# Retries until it succeeds, or until others may take the Lease anyway.
end_turn() {
  look_at_clock
  over_at=$((now + lease_s))
  until patch_lease '{"holderIdentity":null,"leaseDurationSeconds":null,"acquireTime":null,"renewTime":null}'; do
    look_at_clock
    [ "$now" -lt $over_at ] || break
    [ "$status" = 409 ] || rest_about "$poll_s"
    # Not only nodes change it: an administrator may have applied the manifest again.
    read_lease
    [ "$holder" = "$node" ] || break
  done
  holder=
}

# ---- The node

is_installed() {
  [ "$(cat "$installed" 2>/dev/null)" = "$sum" ] && [ -x /usr/local/bin/credential-provider-oke ] &&
    [ "$(timeout 20 /usr/local/bin/ocir-broker --version 2>/dev/null)" = "$release" ]
}

# The children of a killed script continue, with the lock that the next installation waits for.
end_rest() {
  for attempt in 1 2 3 4 5; do
    # A process of another user can block those who read from it.
    rest=$(timeout 20 grep -lszFx "OCIR_BROKER_TURN=$$" /proc/[0-9]*/environ)
    [ -n "$rest" ] || return 0
    for process in $rest; do
      process=${process%/environ}
      kill -KILL "${process#/proc/}" 2>/dev/null
    done
    [ "$attempt" = 1 ] || sleep 1
  done
}

# Always ends before another node can take the Lease, so that only one node installs at a time.
install_here() {
  limit_s=$((lease_s * 2 / 3))
  say "has the turn: installs version $release"
  OCIR_BROKER_BOOTSTRAP=running OCIR_BROKER_VERSION=$release OCIR_BROKER_SOURCES=$image/ocir-broker \
    OCIR_BROKER_SHA256_AMD64=${sum%% *} OCIR_BROKER_SHA256_ARM64=${sum%% *} OCIR_BROKER_TURN=$$ \
    timeout -k $((lease_s / 10)) $limit_s sh "$image/ocir-broker/ocir-broker-node.sh" </dev/null 2>&1
  case $? in
    # Without this file, the next pod installs again.
    0) printf '%s\n' "$sum" >"$installed" || : ;;
    124 | 137)
      end_rest
      say "the installation took longer than $limit_s s and was ended"
      return 1
      ;;
    *) return 1 ;;
  esac
}

# Examines the node and the Lease once, and acts. Returns 0 if the version is installed.
advance() {
  request GET "/api/v1/nodes/$node"
  if [ "$status" != 200 ]; then
    tell_refusal "GET Node"
    return 1
  fi
  if printf '%s\n' "$body" | grep -q '[{,[:space:]]"unschedulable": *true'; then
    tell "skipped: this node is cordoned; it has its turn when it is uncordoned"
    : >"$ready"
    # This node still holds the Lease after a fault, in this pod or an earlier one.
    if [ $has_let_go = no ] && read_lease; then
      [ "$holder" != "$node" ] || end_turn
      has_let_go=yes at_fault=no
    fi
    return 1
  fi
  has_let_go=no
  rm -f "$ready"
  read_lease || return 1
  case $holder in
    "" | "$node") ;;
    *)
      if [ $((now - seen_at)) -lt "${promised_s:-$lease_s}" ]; then
        tell "waiting: $holder has the turn"
        return 1
      fi
      say "$holder has not renewed its turn for ${promised_s:-$lease_s} s: taken from it"
      ;;
  esac
  take_turn || return 1
  if [ $at_fault = yes ] && [ "$now" -lt "$again_at" ]; then return 1; fi
  if [ $told_to_end = yes ]; then
    [ $at_fault = yes ] || end_turn
    return 1
  fi
  if install_here; then
    say "installed: version $release"
    : >"$ready"
    end_turn
    return 0
  fi
  look_at_clock
  at_fault=yes again_at=$((now + lease_s / 3)) told=
  say "FAULT: the reason is above. The roll-out stops here: this node keeps the turn, and no other node is changed, until the fault is fixed" \
    "(tried again in $((lease_s / 3)) s, or at once when this pod is deleted), or cordoned (kubectl cordon $node)," \
    "or without this pod for $lease_s s"
  return 1
}

# ---- Main

case $lease_s in *[!0-9]* | "") lease_s=0 ;; esac
if [ "$lease_s" -lt 30 ]; then
  say "OCIR_BROKER_LEASE_SECONDS is a whole number from 30 on, and this is: $OCIR_BROKER_LEASE_SECONDS"
  exit 2
fi
poll_s=$((lease_s / 20))
read -r sum <"$image/ocir-broker/SHA256SUMS"
release=${sum##*ocir-broker-}
release=${release%-linux-*}

told_to_end=no
trap 'told_to_end=yes' TERM INT
seen_version='' seen_at=0 at_fault=no again_at=0 has_let_go=no
if is_installed; then
  say "installed: version $release, by an earlier pod; what its kubelet needs: journalctl -t ocir-broker-node, on this node"
  : >"$ready"
  exit 0
fi
until advance; do
  [ $told_to_end = no ] || break
  rest_about $poll_s
  [ $told_to_end = no ] || break
done
