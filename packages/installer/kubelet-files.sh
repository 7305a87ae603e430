# shellcheck shell=sh
# shellcheck disable=SC2154 # state, plugin, command, broker_config, disabled and the small functions are those of setup
# Changes the files that the kubelet reads, for `setup`, which sources this file: its CredentialProviderConfig, and the plugin's
# names if its plugins are in a directory other than /usr/local/bin. No other code changes either on a node. For service accounts it
# also changes the broker's configuration, in the same way.
#
# Each changed file has a folder of its own, $state plus its path:
#   before    the previous content; absent if there was none
#   written   the content that was installed
#   next      the same while it is being installed
# The folder outlasts a removal that leaves the file for a kubelet, so that a later removal knows what to delete.
# A file that equals neither `written` nor `next` belongs to somebody else. So after a kill at any point, our content and the
# previous content are never mistaken for each other.

# Compares two files. Either may be a link, which is compared by its target's path.
is_same() { # FILE FILE
  if [ -L "$1" ] || [ -L "$2" ]; then
    [ -L "$1" ] && [ -L "$2" ] && [ "$(readlink "$1")" = "$(readlink "$2")" ]
  else
    [ -f "$1" ] && [ -f "$2" ] && cmp -s "$1" "$2"
  fi
}

is_ours() { # FILE
  is_same "$1" "$state$1/next" || is_same "$1" "$state$1/written"
}

# Replaces a file by one rename; give_back_file restores the previous content.
replace_file() { # FILE NEW
  kept=$state$1
  if ! is_ours "$1"; then
    if is_there "$1" && ! is_do_nothing "$1"; then put "$1" "$kept/before"; else rm -f "$kept/before"; fi
  elif is_same "$1" "$kept/next"; then
    mv -fT "$kept/next" "$kept/written"
  fi
  put "$2" "$kept/next"
  put "$2" "$1"
  mv -fT "$kept/next" "$kept/written"
}

give_back_file() { # FILE
  kept=$state$1
  rm -f "$1.ocir-broker-new"
  if is_ours "$1"; then
    if is_there "$kept/before"; then
      put "$kept/before" "$1"
    elif kubelet_needs "$1"; then
      if is_same "$1" "$kept/next"; then mv -fT "$kept/next" "$kept/written"; fi
      use_node_alone "$1"
      say "a kubelet still names $1, and starts with it: it stays. Once no kubelet does, delete it and $kept"
      return
    else
      rm -f "$1"
    fi
  elif is_there "$1" && ! is_same "$1" "$kept/before"; then
    say "$1 was changed by others since, so it is left as it is"
    [ "$1" = "$broker_config" ] || say "if it has a credential provider ${plugin##*/}: remove that, and restart the kubelet"
    if is_there "$kept/before"; then
      say "the file from before ocir-broker is in $kept/before"
      rm -f "$kept/written" "$kept/next"
      return
    fi
  fi
  rm -rf "$kept"
}

# A file of ours that stays must not name the credential provider for service accounts, because serviceAccounts.tokenExchange of the
# broker's configuration is removed.
use_node_alone() { # FILE
  if ! grep -qsF -e "${plugin##*/}-sa" "$1"; then return 0; fi
  scratch=$(mktemp -d /run/ocir-broker-setup.XXXXXX)
  # 1.34 is the first version with service accounts, and later ones read the same.
  "$libexec/ocir-broker" kubelet-config merge "$scratch/${1##*/}" --kubelet-version 1.34 --write >/dev/null
  replace_file "$1" "$scratch/${1##*/}"
  rm -rf "$scratch"
  say "$1 has the node's credential provider instead of ${plugin##*/}-sa: restart the kubelet"
}

# True if a kubelet would not start without this file of ours, or if that is uncertain.
kubelet_needs() { # FILE
  case ${1##*/} in
    "${plugin##*/}" | "${plugin##*/}-sa")
      kubelet_names_plugin "${1##*/}"
      return
      ;;
  esac
  [ "$1" != "$broker_config" ] || return 1
  paths=$(kubelet_paths config) || return 0
  printf '%s\n' "$paths" | while IFS= read -r flag; do
    [ -n "$flag" ] || continue
    # `connect` follows links.
    for named in "$flag" "$(readlink -m "$flag")"; do
      case $1 in
        "$named") exit 1 ;;
        # The file is in a configuration directory: the last one must stay.
        "${named%/}"/*) [ "$(find "$named/" -maxdepth 1 -name '*.json' -o -name '*.yaml' -o -name '*.yml' | wc -l)" -gt 1 ] || exit 1 ;;
      esac
    done
  done && return 1
  return 0
}

# Prints the flag's values for the running kubelet and in the files of its unit, one path a line. Fails if they cannot be found, or
# if a user other than root can change one of them.
kubelet_paths() { # config|bin-dir
  located=$(timeout 20 "$libexec/ocir-broker" kubelet-config locate 2>/dev/null) || return
  printf '%s\n' "$located" | sed -n "s/^\(unit-\)\{0,1\}$1=//p" | sort -u
}

# A kubelet that names a plugin does not start without it. True if uncertain, which costs one small file.
kubelet_names_plugin() { # NAME
  configs=$(kubelet_paths config) && bin_dirs=$(kubelet_paths bin-dir) || return 0
  printf '%s\n' /etc/kubernetes/credential-provider-config.yaml "$configs" | while IFS= read -r named; do
    # Reads a file, or the files of a directory but not of its folders.
    if [ -n "$named" ] && grep -qsF -d skip -D skip -e "$1" "$named" "$named"/*; then exit 1; fi
  done && return 1
  [ -n "$bin_dirs" ] || return 0
  # Another directory has its own plugin, unless that is our link.
  printf '%s\n' "$bin_dirs" | while IFS= read -r named; do
    link=${named%/}/$1
    if [ "$(readlink -f "$named")" = "$(readlink -f "${plugin%/*}")" ] || [ "$(readlink "$link")" = "${plugin%/*}/$1" ]; then exit 1; fi
  done && return 1
  return 0
}

# Adds our credential provider to the kubelet's configuration, after a check by the rules of its version, and the plugin's names to
# the kubelet's directory. With an audience it also adds the credential provider for service accounts, and sets
# serviceAccounts.tokenExchange in the broker's configuration. Prints what it changed; an error leaves everything unchanged.
connect() { # CONFIG BIN_DIR KUBELET_VERSION [AUDIENCE]
  config=$1 bin_dir=${2%/} kubelet_version=$3 audience=${4-}
  case $config in /*) ;; *) fail "$config: the path of the kubelet's configuration must be absolute" ;; esac
  case $bin_dir in /*) ;; *) fail "$bin_dir: the path of the kubelet's plugins must be absolute" ;; esac
  said=$(timeout 20 "$command" kubelet-config check-path "$config" "$bin_dir" 2>&1) || fail "${said#ocir-broker: }"
  candidate=$(mktemp -d /run/ocir-broker-setup.XXXXXX)
  trap 'rm -rf "$candidate"' EXIT
  mkdir "$candidate/config" "$candidate/bin" "$candidate/undo"
  if [ -d "$config" ]; then
    target=$(grep -lsF -d skip -D skip "${plugin##*/}" "$config"/*.json "$config"/*.yaml "$config"/*.yml | head -n 1 || true)
    target=${target:-${config%/}/${plugin##*/}.yaml}
    for file in "$config"/*.json "$config"/*.yaml "$config"/*.yml; do [ ! -f "$file" ] || cp -p "$file" "$candidate/config"; done
    judged=$candidate/config
  else
    target=$(readlink -m "$config")
    [ ! -e "$target" ] || [ -f "$target" ] || fail "$target is neither a file nor a directory"
    if [ -e "$target" ]; then cp -p "$target" "$candidate/config"; fi
    judged=$candidate/config/${target##*/}
  fi
  merged=$candidate/config/${target##*/}
  said=$("$command" kubelet-config merge "$merged" --kubelet-version "$kubelet_version" --write ${audience:+--service-accounts "$audience"} 2>&1) ||
    fail "$target cannot be changed: $said"
  [ -z "$audience" ] || prepare_broker_config
  # Checked with the plugins that will exist then.
  find "$bin_dir/" -maxdepth 1 ! -type d -exec ln -s {} "$candidate/bin" ';' 2>/dev/null || true
  for name in "${plugin##*/}" "${plugin##*/}-sa"; do ln -sfn "${plugin%/*}/$name" "$candidate/bin/$name"; done
  said=$("$command" kubelet-config check "$judged" --kubelet-version "$kubelet_version" --bin-dir "$candidate/bin" 2>&1) ||
    fail "$kubelet_version would not start with $config, or may not: $(printf '%s\n' "$said" | grep -m 1 -E '^(fatal|unknown)')"

  # The plugins come first, because the configuration will name them.
  for name in "${plugin##*/}" "${plugin##*/}-sa"; do
    [ "$(readlink -f "$bin_dir/$name")" = "$(readlink -f "${plugin%/*}/$name")" ] || change "$bin_dir/$name" "$candidate/bin/$name"
  done
  if [ -n "$audience" ] && ! is_same "$candidate/broker.yaml" "$broker_config"; then
    change "$broker_config" "$candidate/broker.yaml"
    restart_broker
  fi
  is_same "$merged" "$target" || change "$target" "$merged"
}

# Writes the broker's new configuration to $candidate/broker.yaml: the existing one, or the one before ours, with
# serviceAccounts.tokenExchange added if it has none.
prepare_broker_config() {
  new=$candidate/broker.yaml
  existing=$broker_config
  if is_ours "$broker_config"; then existing=$state$broker_config/before; fi
  if [ -e "$existing" ]; then cp -p "$existing" "$new"; else : >"$new"; fi
  effective=$("$command" config print --config "$new" 2>&1) || fail "$broker_config has errors: $effective"
  printf "\nserviceAccounts:\n  tokenExchange: oke\n  audience: '%s'\n" "$(printf '%s' "$audience" | sed "s/'/''/g")" >"$candidate/exchange.yaml"
  if printf '%s\n' "$effective" | grep -qx '  tokenExchange: none'; then cat "$candidate/exchange.yaml" >>"$new"; fi
  said=$("$command" config check --config "$new" 2>&1) ||
    fail "serviceAccounts.tokenExchange and serviceAccounts.audience cannot be added to $broker_config, so add them by hand: $said"
  found=$(audience_in "$new")
  [ -z "$found" ] || [ "$found" = "$(audience_in "$candidate/exchange.yaml")" ] ||
    fail "the broker would refuse the kubelet's tokens: set serviceAccounts.audience in $broker_config to $audience, or remove it"
}

# Prints the setting serviceAccounts.audience, which may have several lines; nothing if it is not set.
audience_in() { # BROKER'S CONFIGURATION
  "$command" config print --config "$1" 2>/dev/null | awk '/^ ? ?[A-Za-z]/ { on = ($1 == "audience:") } on'
}

restart_broker() {
  if systemd_runs && [ ! -e "$disabled" ]; then tell_systemd try-restart ocir-broker.service; fi
}

# Replaces a file. If that fails, restores all files that this `connect` has changed.
change() { # FILE NEW
  undo=$candidate/undo$1
  mkdir -p "$undo"
  if is_there "$1"; then cp -a "$1" "$undo/file"; fi
  if [ -d "$state$1" ]; then cp -a "$state$1" "$undo/state"; fi
  try replace_file "$1" "$2"
  if [ "$status" = 0 ]; then
    printf '%s\n' "$1" >>"$candidate/changed"
    echo "changed: $1"
    return
  fi
  undo_state "$1"
  if [ -e "$candidate/changed" ]; then
    while read -r file; do
      undo=$candidate/undo$file
      if is_there "$undo/file"; then put "$undo/file" "$file"; else rm -f "$file"; fi
      undo_state "$file"
      [ "$file" != "$broker_config" ] || restart_broker
    done <"$candidate/changed"
  fi
  fail "$1 cannot be replaced, for the reason above: nothing is changed. Is it a mount point, or immutable?"
}

undo_state() { # FILE
  rm -rf "${state:?}$1"
  [ ! -d "$candidate/undo$1/state" ] || cp -a "$candidate/undo$1/state" "$state$1"
}

# Restores every file that can be restored: the configurations first, while our plugin is still there.
disconnect() {
  names="/${plugin##*/}\(-sa\)\{0,1\}\$"
  {
    changed_files | grep -v "$names" || true
    changed_files | grep "$names" || true
  } | {
    all_is_back=yes
    while read -r file; do
      try_to_give_back give_back_file "$file"
      [ "$file" != "$broker_config" ] || restart_broker
    done
    [ $all_is_back = yes ]
  }
}

changed_files() {
  find "$state" -mindepth 2 '(' -name before -o -name written -o -name next ')' 2>/dev/null |
    sed "s|^$state||; s|/[^/]*\$||" | sort -u
}
