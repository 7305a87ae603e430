#!/bin/sh
# Puts the installed files into use on this node, and takes them out of use again. One script for the .deb, the .rpm and the
# archive. Never touches the kubelet or its flags, and changes its configuration only on `connect`, `disconnect` and `remove`.
#
# usage: setup install   after the files are in place; again after each upgrade
#        setup connect CONFIG BIN_DIR KUBELET_VERSION [AUDIENCE]
#                        adds our credential provider to the kubelet's CredentialProviderConfig (a file, or a directory of them).
#                        With an audience it also adds the one for service accounts, and sets serviceAccounts.tokenExchange in the
#                        broker's configuration
#        setup disconnect
#                        restores what connect has changed
#        setup disable   the off switch: the plugin answers "no credentials", and the units are masked, until `setup enable`; also
#                        after a reboot and an upgrade
#        setup enable
#        setup remove    before the files go; restores every file; the groups stay
#
# A file that cannot be restored is named and does not stop the others; the exit status is 1, and the files must stay.
#
# The names in /usr/local are links to the files here. A file that had such a name before is kept and restored at removal;
# each change is one rename, so the kubelet's plugin is never missing. After a kill at any point, run it again.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset TMPDIR
umask 022

libexec=/usr/libexec/ocir-broker
state=/var/lib/ocir-broker/replaced
plugin=/usr/local/bin/credential-provider-oke
broker_config=/etc/ocir-broker/config.yaml
command=/usr/local/bin/ocir-broker
# Present on a node that is switched off; `ocir-broker status` and the DaemonSet look for it.
disabled=/etc/ocir-broker/disabled
# Writes the metric at each boot.
disabled_metric=/etc/tmpfiles.d/ocir-broker-disabled.conf
metrics=/run/ocir-broker-metrics
units="ocir-broker.service ocir-broker.socket ocir-broker-health.socket"

say() { echo "ocir-broker: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

# shellcheck source-path=SCRIPTDIR source=install-lock.sh
. "$libexec/install-lock"
# shellcheck source-path=SCRIPTDIR source=kubelet-files.sh
. "$libexec/kubelet-files"

# Whether systemd is running. It is not in an image build, where only the links of enabled units can be made.
systemd_runs() { [ -d /run/systemd/system ]; }

# Prints the file that a name in /usr/local links to.
target_of() {
  case $1 in
    */docker-credential-ocir | */credential-provider-oke-sa) echo "$libexec/credential-provider-oke" ;;
    *) echo "$libexec/${1##*/}" ;;
  esac
}

is_link_of_ours() {
  case $(readlink "$1" 2>/dev/null) in
    "$(target_of "$1")") ;;
    # The off switch's.
    "$libexec/do-nothing-provider") [ "$1" = "$plugin" ] || [ "$1" = "$plugin-sa" ] ;;
    *) return 1 ;;
  esac
}

# Recognises the program that an earlier removal left, by a text in it.
is_do_nothing() { [ -f "$1" ] && grep -q 'ocir-broker do-nothing provider' "$1"; }

is_there() { [ -e "$1" ] || [ -L "$1" ]; }

label() { if command -v restorecon >/dev/null; then restorecon -F "$@" || true; fi; }

# Copies to another name and renames: the destination is the old or the new file, never half of it.
put() { # FROM TO
  mkdir -p "${2%/*}"
  rm -f "$2.ocir-broker-new"
  if ! { cp -a "$1" "$2.ocir-broker-new" && label "$2.ocir-broker-new" && { sync "$2.ocir-broker-new" 2>/dev/null || true; } &&
    mv -fT "$2.ocir-broker-new" "$2"; }; then
    rm -f "$2.ocir-broker-new"
    return 1
  fi
}

# An error ends only this command. Must not be called in a context that ignores `set -e`.
try() { # COMMAND...
  set +e
  (set -e; "$@")
  status=$?
  set -e
}

try_to_give_back() { # COMMAND FILE
  try "$@"
  [ $status != 0 ] || return 0
  say "$2 cannot be restored, for the reason above: it is not changed"
  all_is_back=no
}

install_link() { # NAME
  is_link_of_ours "$1" && return
  if is_there "$1" && ! is_do_nothing "$1"; then
    put "$1" "$state/${1##*/}"
    say "$1 existed before: saved in $state, restored when ocir-broker is removed"
  fi
  mkdir -p "${1%/*}"
  put_link "$(target_of "$1")" "$1"
}

put_link() { # TARGET NAME
  rm -f "$2.ocir-broker-new"
  ln -s "$1" "$2.ocir-broker-new"
  label "$2.ocir-broker-new"
  mv -fT "$2.ocir-broker-new" "$2"
}

give_back() { # NAME
  kept=$state/${1##*/}
  rm -f "$1.ocir-broker-new"
  if ! is_link_of_ours "$1"; then
    # An interrupted removal already restored it, or it belongs to somebody else now.
    if is_same "$1" "$kept"; then rm -f "$kept"; fi
    return 0
  fi
  if is_there "$kept"; then
    put "$kept" "$1"
    rm -f "$kept"
  elif { [ "$1" = "$plugin" ] || [ "$1" = "$plugin-sa" ]; } && kubelet_names_plugin "${1##*/}"; then
    put "$libexec/do-nothing-provider" "$1"
    say "the kubelet still names ${1##*/}: a program that answers 'no credentials' stays at $1"
    say "remove the plugin from the kubelet's flags, restart the kubelet, then delete that file"
  else
    rm -f "$1"
  fi
}

# A unit that fails must not leave a package half installed: the reason is in the journal.
tell_systemd() { systemctl "$@" || say "systemctl $* failed: see journalctl -u ocir-broker.service"; }

install() {
  # The absence of the command's link marks a first installation, so the link follows the enabled units. An upgrade does not
  # enable units again that an administrator has disabled.
  first=no
  is_link_of_ours "$command" || first=yes

  systemd-sysusers /usr/lib/sysusers.d/ocir-broker.conf
  systemd-tmpfiles --create /usr/lib/tmpfiles.d/ocir-broker.conf || say "systemd-tmpfiles failed: metrics may be missing"
  mkdir -p /etc/ocir-broker "$state"
  chmod 0700 /var/lib/ocir-broker
  if command -v restorecon >/dev/null; then restorecon -RF "$libexec" /etc/ocir-broker || true; fi

  if systemd_runs; then tell_systemd daemon-reload; fi
  if [ $first = yes ]; then tell_systemd --quiet enable ocir-broker.service ocir-broker.socket; fi
  install_link /usr/local/libexec/ocir-broker-launch
  install_link "$command"
  install_link /usr/local/bin/docker-credential-ocir
  if systemd_runs && [ ! -e $disabled ]; then
    if systemctl --quiet is-enabled ocir-broker.socket; then tell_systemd start ocir-broker.socket; fi
    if [ $first = yes ]; then
      tell_systemd --no-block start ocir-broker.service
    else
      # The credentials socket stays open: calls made during the restart wait in its queue.
      tell_systemd try-restart ocir-broker.service
    fi
  fi
  # Last: the kubelet's calls go to our plugin from here on.
  install_link "$plugin-sa"
  install_link "$plugin"
  # A failed installation of ocir-broker-node.sh ends with this one, unless that script runs it.
  if [ -z "${OCIR_BROKER_INSTALLATION-}" ]; then rm -f /run/ocir-broker-metrics/ocir_broker_install.prom; fi
}

disable() {
  [ "$(id -u)" = 0 ] || fail "only root can switch it off"
  is_link_of_ours "$plugin" || fail "$plugin is not ocir-broker's, so there is nothing to switch off"
  date -u +%Y-%m-%dT%H:%M:%SZ >$disabled
  # First: the kubelet's calls get "no credentials" from here on.
  for name in "$plugin" "$plugin-sa"; do put_link "$libexec/do-nothing-provider" "$name"; done
  # shellcheck disable=SC2086 # units
  if systemd_runs; then tell_systemd --quiet mask --now $units; else tell_systemd --quiet mask $units; fi
  rm -f $metrics/ocir_broker.prom
  mkdir -p "${disabled_metric%/*}"
  # tmpfiles.d expands the \n.
  printf '%s\n' "f+ $metrics/ocir_broker_disabled.prom 0644 root root - # TYPE ocir_broker_disabled gauge\nocir_broker_disabled 1\n" >$disabled_metric
  systemd-tmpfiles --create $disabled_metric || say "systemd-tmpfiles failed: the metric is missing"
  say "switched off: the kubelet's plugin answers 'no credentials', until you run: ocir-broker enable"
}

enable() {
  [ "$(id -u)" = 0 ] || fail "only root can switch it on"
  [ -e $disabled ] || { say "it is not switched off" && return; }
  unmask
  if systemd_runs; then tell_systemd start ocir-broker.socket ocir-broker.service; fi
  # Last: the kubelet's calls go to our plugin from here on.
  for name in "$plugin" "$plugin-sa"; do put_link "$(target_of "$name")" "$name"; done
  rm -f $disabled
  say "switched on"
}

unmask() {
  # shellcheck disable=SC2086 # units
  tell_systemd --quiet unmask $units
  rm -f $disabled_metric $metrics/ocir_broker_disabled.prom
}

remove() {
  # First: the kubelet's calls no longer go to our plugin from here on.
  try disconnect
  if [ $status = 0 ]; then all_is_back=yes; else all_is_back=no; fi
  try_to_give_back give_back "$plugin"
  try_to_give_back give_back "$plugin-sa"
  if [ -e $disabled ]; then
    unmask
    rm -f $disabled
  fi
  if systemd_runs; then
    tell_systemd --quiet disable --now ocir-broker.socket ocir-broker.service
    tell_systemd stop ocir-broker-health.socket
  else
    tell_systemd --quiet disable ocir-broker.socket ocir-broker.service
  fi
  try_to_give_back give_back /usr/local/bin/docker-credential-ocir
  try_to_give_back give_back "$command"
  try_to_give_back give_back /usr/local/libexec/ocir-broker-launch
  rm -rf /run/ocir-broker /run/ocir-broker-metrics
  find "${state%/*}" -depth -type d -empty -delete 2>/dev/null || true
  [ $all_is_back = yes ] || fail "not everything is restored: fix the errors above, and remove ocir-broker again"
}

case "${1-} $#" in
  "install 1" | "remove 1" | "disconnect 1" | "disable 1" | "enable 1" | "connect 4" | "connect 5")
    lock
    "$@"
    ;;
  *)
    say "usage: setup install | connect CONFIG BIN_DIR KUBELET_VERSION [AUDIENCE] | disconnect | disable | enable | remove"
    exit 2
    ;;
esac
