#!/bin/sh
# Prints what a running kubelet needs, once its configuration has our credential provider. Changes nothing.
#
# usage: kubelet-advice CONFIG BIN_DIR
# If OCIR_BROKER_KUBELET_NEED names a file, writes there for programs: nothing, restart, flags or by-hand; then CONFIG, BIN_DIR;
# with "flags" also the path of a file, and the lines that it must have.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
config=$1 bin_dir=$2
located=$(timeout 20 /usr/libexec/ocir-broker/ocir-broker kubelet-config locate)
config_flag=--image-credential-provider-config

# systemd removes quotes around a word when it splits the value of a variable.
word() {
  case $1 in *[[:blank:]]*) printf "'%s'" "$1" ;; *) printf '%s' "$1" ;; esac
}
flags="$(word "$config_flag=$config") $(word "--image-credential-provider-bin-dir=$bin_dir")"
own=/etc/systemd/system/kubelet.service.d/90-ocir-broker.conf
# Joins continued lines as systemd does: it drops the comments between them, and a comment's backslash continues nothing.
unit=$(systemctl cat kubelet.service 2>/dev/null | awk '
  /^[[:blank:]]*[#;]/ { if (line == "") print; next }
  /\\$/ { line = line substr($0, 1, length($0) - 1) " "; next }
  { print line $0; line = "" }')
variable_files=$(printf '%s\n' "$unit" | sed -n 's/^EnvironmentFile=-\{0,1\}//p')

say() { printf 'kubelet: %s\n' "$*"; }

need() { # KIND [LINE...]
  kind=$1
  shift
  [ -z "${OCIR_BROKER_KUBELET_NEED-}" ] || printf '%s\n' "$kind" "$config" "$bin_dir" "$@" >"$OCIR_BROKER_KUBELET_NEED"
}

# Prints the number of the last line that sets KUBELET_EXTRA_ARGS.
number() { # FILE
  grep -n 'KUBELET_EXTRA_ARGS=' "$1" | grep -vE '^[0-9]+:[[:blank:]]*[#;]' | tail -n 1 | cut -d: -f1
}

# Adds our flags to that line, before the others, because the value may continue on the next line. Prints nothing if the line has
# none of these forms.
extended() {
  escaped=$(printf '%s' "$flags" | sed 's/[&|\\]/\\&/g')
  # A flag with blanks is in single quotes itself.
  case $flags in *"'"*) quotes='"' ;; *) quotes="\"'" ;; esac
  sed -nE \
    -e "s|[$quotes]KUBELET_EXTRA_ARGS=|&$escaped |p; t" \
    -e "s|^(Environment=)?KUBELET_EXTRA_ARGS=[$quotes]|&$escaped |p; t" \
    -e "s|^Environment=(KUBELET_EXTRA_ARGS=)([^[:blank:]\"'\\]*)([[:blank:]\\].*)?\$|Environment=\"\1$escaped \2\"\3|p; t" \
    -e "s|^(KUBELET_EXTRA_ARGS=)([^\"'\\]*)\$|\1\"$escaped \2\"|p"
}

# A second KUBELET_EXTRA_ARGS replaces the first, and a file of variables takes precedence over the unit.
place=$(printf '%s\n' "$unit" | awk '/^# \// { file = $2 } /^Environment=.*KUBELET_EXTRA_ARGS=/ { place = file } END { print place }')
for file in $variable_files; do
  if grep -qs '^KUBELET_EXTRA_ARGS=' "$file"; then place=$file; fi
done

# Prints the line that sets KUBELET_EXTRA_ARGS, with our flags; nothing if a person must decide. A drop-in file of ours can only
# contain a whole setting of a unit.
line_to_write() {
  at=$(number "${place:-/dev/null}")
  [ -n "$at" ] || return 0
  changed=$(sed -n "${at}p" "$place" | extended)
  case $place:$changed in
    /etc/*) printf '%s\n' "$changed" ;;
    *\\) ;;
    *:Environment=*) printf '%s\n' "$changed" ;;
  esac
}

# Prints a process's start time in seconds since 1970; the text up to the last parenthesis in stat includes its name.
started() { # PID
  stat=$(cat "/proc/$1/stat")
  read -r uptime _ </proc/uptime
  printf '%s\n' "${stat##*) }" | {
    read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ ticks _
    echo $(($(date +%s) - ${uptime%.*} + ticks / $(getconf CLK_TCK)))
  }
}

if printf '%s\n' "$located" | grep -q '^config='; then
  pid=$(printf '%s\n' "$located" | sed -n 's/^pid=//p')
  # The kubelet looks for the plugin at each call, but reads the configuration only once.
  if [ -n "$(find -L "$config" -newermt "@$(started "$pid")" 2>/dev/null)" ]; then
    need restart
    say "restart it when convenient, because $config has changed since it was read: systemctl restart kubelet (running containers stay)"
  else
    need nothing
    say "nothing to do: it has the flags, and has read $config as it is"
  fi
  exit
fi
# shellcheck disable=SC2086 # files
if { printf '%s\n' "$unit" && cat $variable_files /dev/null 2>/dev/null; } | grep -q -e '--image[-_]credential[-_]provider[-_]config'; then
  need restart
  say "its unit has the flags, and it was not started with them yet"
elif line=$(line_to_write) && [ -n "$line" ]; then
  case $place in
    /etc/*)
      at=$(number "$place")
      need flags "$place" "$(head -n $((at - 1)) "$place" && printf '%s\n' "$line" && tail -n +$((at + 1)) "$place")"
      say "it does not use ocir-broker yet: in $place change the line with KUBELET_EXTRA_ARGS to"
      ;;
    *)
      need flags $own '[Service]' "$line"
      say "it does not use ocir-broker yet: create $own with these two lines:"
      say "  [Service]"
      ;;
  esac
  say "  $line"
elif [ -z "$place" ] && printf '%s\n' "$unit" | grep -q '^ExecStart=.*KUBELET_EXTRA_ARGS'; then
  line="Environment=\"KUBELET_EXTRA_ARGS=$flags\""
  need flags $own '[Service]' "$line"
  say "it does not use ocir-broker yet: create $own with these two lines:"
  say "  [Service]"
  say "  $line"
else
  need by-hand
  say "it does not use ocir-broker yet: add to its command line, which systemctl cat kubelet shows:"
  say "  $flags"
fi
say "then restart it when convenient: systemctl daemon-reload && systemctl restart kubelet (running containers stay)"
