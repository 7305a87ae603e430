#!/bin/sh
# ocir-broker-node.sh 0.1.0: installs ocir-broker on an OKE worker node at its first boot, then bootstraps the node.
#
# The node is bootstrapped whatever happens. The kubelet is told of ocir-broker only when everything that it will read is in
# place and was tried; a fault of this node's own withholds the flags, with the reason in the log. A fault of the cloud (identity
# not ready, IAM not granted yet) does not: it heals.
#
# usage: ocir-broker-node.sh [--kubelet-extra-args "ARGS"] [ARGUMENT FOR THE BOOTSTRAP...]
#
# Settings, from the environment:
#   OCIR_BROKER_SOURCES       where the archive is: URLs (Object Storage, a mirror) or folders, tried in this order.
#                             Not needed where the image has ocir-broker of this version installed already.
#   OCIR_BROKER_VERSION       exactly this version
#   OCIR_BROKER_SHA256_AMD64  checksums of the archives, from SHA256SUMS of the release
#   OCIR_BROKER_SHA256_ARM64
#   OCIR_BROKER_BOOTSTRAP     auto (default) | oke | oke-install | oke-init | none: where something else bootstraps the node and
#                             gives the kubelet its flags
# Runs on sh of Oracle Linux 8 and 9 and Ubuntu. May be run again. Killed, it may be run again: see README.md beside it.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022

name=credential-provider-oke
plugin=/usr/local/bin/$name
broker=/usr/local/bin/ocir-broker
state=/run/ocir-broker-node
work=
newline='
'
version=${OCIR_BROKER_VERSION-0.1.0}
sources="/opt/ocir-broker ${OCIR_BROKER_SOURCES-}"
how=${OCIR_BROKER_BOOTSTRAP-auto}
metadata_bases=${OCI_METADATA_BASE_URL-http://169.254.169.254/opc/v2 http://[fd00:c1::a9fe:a9fe]/opc/v2}
# What the kubelet starts with has these two flags, if another has given them.
config_flag=--image-credential-provider-config
bin_dir_flag=--image-credential-provider-bin-dir

log() {
  printf 'ocir-broker-node: %s\n' "$*" >&2
  logger -t ocir-broker-node -- "$*" 2>/dev/null || :
}

# Ends the installation, which runs in a shell of its own; the bootstrap goes on.
fail() {
  printf '%s\n' "$*" >"$state/reason"
  exit 1
}

# ---- What this node is

metadata() { # PATH; status 4: there is no such thing
  for attempt in 1 2 3; do
    [ $attempt = 1 ] || sleep 1
    for base in $metadata_bases; do
      # The body, and on a line of its own the status.
      body=$(curl -s --noproxy '*' --connect-timeout 2 --max-time 10 -H 'Authorization: Bearer Oracle' \
        -w '\n%{http_code}' "$base/instance/$1" 2>/dev/null)
      case ${body##*"$newline"} in
        200) printf '%s' "${body%"$newline"*}" && return ;;
        404) return 4 ;;
      esac
    done
  done
  return 1
}

# The value of a flag in a text of arguments, in both forms and behind a name in a unit's file; the last one counts.
flag_in() { # FLAG TEXT
  value='' next=no
  set -f
  for word in $2; do
    if [ $next = yes ]; then
      value=$word next=no
      continue
    fi
    case $word in
      "$1") next=yes ;;
      *"$1="*) value=${word##*"$1="} ;;
    esac
  done
  set +f
  printf '%s' "$value"
}

# A text of arguments without our two flags.
without_flags() { # TEXT
  kept='' skip=no
  set -f
  for word in $1; do
    case $skip$word in
      yes*) skip=no ;;
      "no$config_flag" | "no$bin_dir_flag") skip=yes ;;
      "no$config_flag="* | "no$bin_dir_flag="*) ;;
      *) kept="$kept $word" ;;
    esac
  done
  set +f
  printf '%s' "${kept# }"
}

# Arguments for the kubelet come from the metadata key, from the environment and from the caller; for the kubelet, as for most programs,
# the last of two wins. The bootstrap gets all of them as one text: given twice, it would take the second only.
look_around() { # CALLER'S ARGUMENTS FOR THE KUBELET
  from_metadata=$(metadata metadata/kubelet-extra-args) || from_metadata=
  given=$(printf '%s %s %s' "$from_metadata" "${KUBELET_EXTRA_ARGS-}" "$1" | tr -s '[:space:]' ' ')
  given=${given# } given=${given% }
  unset KUBELET_EXTRA_ARGS
  from_units=$(cat /usr/lib/systemd/system/kubelet.service /usr/lib/systemd/system/kubelet.service.d/*.conf \
    /etc/systemd/system/kubelet.service /etc/systemd/system/kubelet.service.d/*.conf 2>/dev/null | tr "\"'\\\\" '   ')
  config=$(flag_in "$config_flag" "$from_units $given")
  bin_dir=$(flag_in "$bin_dir_flag" "$from_units $given")
  # Does somebody else tell the kubelet of these files, whatever is decided here?
  named=no
  if [ -n "$config" ] || [ "$how" = none ]; then named=yes; fi
  config=${config:-/etc/kubernetes/credential-provider-config.yaml} bin_dir=${bin_dir:-/usr/local/bin}
}

# ---- The stages of the installation, in their order

check_machine() {
  case $(uname -m) in
    x86_64) architecture=amd64 sha256=${OCIR_BROKER_SHA256_AMD64-} ;;
    aarch64) architecture=arm64 sha256=${OCIR_BROKER_SHA256_ARM64-} ;;
    *) fail "there is no ocir-broker for $(uname -m)" ;;
  esac
  kubelet_version=$(timeout 10 kubelet --version 2>/dev/null) || kubelet_version=$(metadata metadata/oke-k8version) ||
    fail "neither the kubelet nor the metadata key oke-k8version tells the Kubernetes version"
  libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc=
  case $libc in
    "glibc 2."*) [ "${libc#glibc 2.}" -ge 28 ] || fail "$libc is too old: 2.28 is needed (Oracle Linux 8, Ubuntu 20.04)" ;;
    *) fail "glibc 2.28 or newer is needed, and this is: ${libc:-unknown}" ;;
  esac
}

check_libraries() {
  ldconfig -p | grep -q 'libatomic\.so\.1 ' && return
  log "libatomic is missing: trying to install it"
  if command -v dnf >/dev/null; then
    timeout 90 dnf -q -y install libatomic >/dev/null 2>&1
  else
    timeout 90 apt-get -qq -y install libatomic1 >/dev/null 2>&1
  fi
  ldconfig -p | grep -q 'libatomic\.so\.1 ' || fail "libatomic.so.1 is missing: put libatomic (Ubuntu: libatomic1) into the image"
}

is_installed() {
  # A folder of an earlier run means that this one was ended in the middle of it.
  for folder in /usr/libexec/ocir-broker-node.*; do [ ! -d "$folder" ] || return 1; done
  [ "$(readlink -f "$plugin")" = "/usr/libexec/ocir-broker/$name" ] && [ -x "$plugin" ] &&
    [ "$(timeout 20 "$broker" --version 2>/dev/null)" = "$version" ]
}

fetch_from() { # SOURCE
  case $1 in
    /*) cp "$1/$archive" "$work/$archive" 2>"$work/said" && return ;;
    *)
      for pause in 1 2 4 0; do
        curl -fsSL --proto '=https,http' --connect-timeout 5 --max-time 120 --speed-limit 10000 --speed-time 20 \
          --max-filesize 300000000 -o "$work/$archive" "${1%/}/$archive" 2>"$work/said" && return
        [ $pause = 0 ] || sleep $pause
      done
      ;;
  esac
  # A pre-authenticated request is as good as a password: its address stays out of the log.
  why="the archive cannot be fetched: $(sed "s|[a-z]*://[^ ]*|<url>|g; q" "$work/said")"
  return 1
}

# Into /usr, as that is where it must be possible to run programs.
fetch_archive() {
  archive=ocir-broker-$version-linux-$architecture.tar.gz
  [ -n "$sha256" ] || fail "no checksum is set for $archive"
  why="none of the sources has $archive"
  set -f
  for source in $sources; do
    case $source in /*) [ -e "$source/$archive" ] || continue ;; esac
    fetch_from "$source" || continue
    if printf '%s  %s\n' "$sha256" "$work/$archive" | sha256sum -c --status; then
      set +f
      return
    fi
    why="the archive has another checksum than the one that is set"
  done
  fail "$why"
}

install_archive() {
  said=$(tar -xzf "$work/$archive" -C "$work" --no-same-owner 2>&1) || fail "the archive cannot be unpacked: $said"
  rm -f "$work/$archive"
  [ -x "$work/${archive%.tar.gz}/install.sh" ] || fail "the archive is no ocir-broker $version"
  : >"$state/installed"
  said=$(timeout 120 "$work/${archive%.tar.gz}/install.sh" 2>&1) || fail "it cannot be installed: $said"
  rm -rf "$work"
  is_installed || fail "it is installed, and does not answer as version $version"
}

install_files() {
  if is_installed; then
    log "version $version is installed already"
    return
  fi
  rm -rf /usr/libexec/ocir-broker-node.*
  work=$(mktemp -d /usr/libexec/ocir-broker-node.XXXXXX 2>&1) || fail "nothing can be written to /usr/libexec: $work"
  printf '%s\n' "$work" >"$state/work"
  fetch_archive
  log "stage: install $archive"
  install_archive
}

check_config() {
  said=$(timeout 20 "$broker" config check 2>&1) || fail "the configuration has faults: $said"
}

# The kubelet has one directory for all plugins: ours is linked into the one that is in use.
link_plugin() {
  link=$bin_dir/$name
  [ "$(readlink -f "$link")" = "$(readlink -f "$plugin")" ] && return
  mkdir -p "$bin_dir" || fail "$bin_dir cannot be made"
  if [ -e "$link" ] && [ ! -e "$link.before-ocir-broker" ]; then cp -a "$link" "$link.before-ocir-broker"; fi
  printf '%s\n' "$link" >"$state/link"
  { ln -sfn "$plugin" "$link.ocir-broker-new" && mv -fT "$link.ocir-broker-new" "$link"; } || fail "$link cannot be made"
}

# The new configuration is made and judged beside the old one, which one rename then replaces.
merge_config() {
  candidate=$state/candidate
  rm -rf "$candidate"
  mkdir "$candidate"
  if [ -d "$config" ]; then
    target=$(grep -lsF "$name" "$config"/*.json "$config"/*.yaml "$config"/*.yml | head -n 1)
    target=${target:-$config/$name.yaml}
    cp -p "$config"/*.json "$config"/*.yaml "$config"/*.yml "$candidate" 2>/dev/null
    judged=$candidate
  else
    target=$config
    if [ -L "$config" ]; then target=$(readlink -f "$config"); fi
    if [ -e "$target" ]; then cp -p "$target" "$candidate/" || fail "$target cannot be read"; fi
    judged=$candidate/${target##*/}
  fi
  merged=$candidate/${target##*/}
  said=$(timeout 20 "$broker" kubelet-config merge "$merged" --kubelet-version "$kubelet_version" --write 2>&1) ||
    fail "$target cannot be changed: $said"
  said=$(timeout 20 "$broker" kubelet-config check "$judged" --kubelet-version "$kubelet_version" --bin-dir "$bin_dir" 2>&1) ||
    fail "$kubelet_version would not start with $config: $(printf '%s\n' "$said" | grep '^fatal' | head -n 1)"
  cmp -s "$merged" "$target" && return
  mkdir -p "${target%/*}" || fail "${target%/*} cannot be made"
  if [ -e "$target" ]; then cp -p "$target" "$state/config.before" || fail "no copy of $target can be made"; fi
  printf '%s\n' "$target" >"$state/config"
  { cp -p "$merged" "$target.ocir-broker-new" && sync && mv -fT "$target.ocir-broker-new" "$target"; } ||
    fail "$target cannot be written"
}

# Labels by the policy's own rules: it may be enforcing, and a file made here has its folder's.
label() {
  command -v restorecon >/dev/null || return 0
  restorecon -F "$plugin" "$bin_dir/$name" "$target" >/dev/null 2>&1
  [ ! -d /etc/ocir-broker ] || restorecon -RF /etc/ocir-broker >/dev/null 2>&1
}

start_units() {
  timeout 60 systemctl start ocir-broker.socket ocir-broker.service >/dev/null 2>&1 ||
    fail "ocir-broker.service does not start: see journalctl -u ocir-broker.service"
}

# As the kubelet will. An error that comes from the cloud is an answer too.
ask_plugin() {
  region=$(metadata canonicalRegionName) || region=us-ashburn-1
  answer=$(printf '{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"%s.ocir.io/ocir-broker/check"}\n' "$region" |
    timeout 55 "$bin_dir/$name" 2>"$state/said")
  status=$?
  said=$(head -c 600 "$state/said")
  if [ $status = 0 ]; then
    said=$(printf '%s' "$answer" | timeout 20 "$broker" kubelet-config check-answer 2>&1) || fail "the plugin was asked: $said"
    return
  fi
  case $said in
    "ocir-broker: shim-"*) fail "the plugin was asked: $said" ;;
    "ocir-broker: "[a-z]*": "*) log "no credentials yet, which does not withhold the flags, as it heals: $said" ;;
    *) fail "the plugin was asked, and ended with $status: $said" ;;
  esac
}

install_all() {
  for stage in check_machine check_libraries install_files check_config link_plugin merge_config label start_units ask_plugin; do
    log "stage: $stage"
    $stage
  done
  : >"$state/done"
}

# ---- After a fault: as if we did not exist

withdraw() {
  if [ -s "$state/config" ]; then
    changed=$(cat "$state/config")
    if [ -e "$state/config.before" ]; then
      cp -p "$state/config.before" "$changed.ocir-broker-new" && mv -fT "$changed.ocir-broker-new" "$changed"
    else
      rm -f "$changed"
    fi
  fi
  if [ -s "$state/link" ]; then
    link=$(cat "$state/link")
    if [ -e "$link.before-ocir-broker" ]; then mv -fT "$link.before-ocir-broker" "$link"; else rm -f "$link"; fi
  fi
  if [ -e "$state/installed" ] && [ -x /usr/libexec/ocir-broker/uninstall.sh ]; then
    timeout 60 /usr/libexec/ocir-broker/uninstall.sh >/dev/null 2>&1 || log "what was installed could not be removed"
  fi
  rm -f "$config.ocir-broker-new" "$bin_dir/$name.ocir-broker-new" 2>/dev/null
  if [ -s "$state/work" ]; then rm -rf "$(cat "$state/work")"; fi
  if [ $named = yes ] && ! keep_valid; then
    log "what the kubelet's flags name cannot be put there: they are taken out of the arguments"
    kubelet_args=$(without_flags "$kubelet_args")
  fi
}

# The flags come from elsewhere: the kubelet must find what they name, or it does not start. Fails where it would not.
keep_valid() {
  if [ ! -x "$bin_dir/$name" ] && { [ ! -e "$config" ] || grep -rqsF "$name" "$config"; }; then
    mkdir -p "$bin_dir"
    cat >"$bin_dir/$name.ocir-broker-new" <<'PLUGIN'
#!/bin/sh
# ocir-broker do-nothing provider: ocir-broker could not be installed, and a kubelet that names this does not start without it.
cat >/dev/null
echo '{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1","cacheKeyType":"Registry","cacheDuration":"0s","auth":{}}'
PLUGIN
    chmod 755 "$bin_dir/$name.ocir-broker-new" && mv -fT "$bin_dir/$name.ocir-broker-new" "$bin_dir/$name" &&
      log "the kubelet's flags come from elsewhere: $bin_dir/$name now answers 'no credentials'"
  fi
  if [ -e "$config" ]; then
    [ -x "$bin_dir/$name" ] || ! grep -rqsF "$name" "$config"
    return
  fi
  [ -x "$bin_dir/$name" ] || return
  mkdir -p "${config%/*}"
  cat >"$config.ocir-broker-new" <<CONFIG
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: $name
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ["*.ocir.io", "ocir.*.oci.*.*"]
    defaultCacheDuration: "0s"
CONFIG
  mv -fT "$config.ocir-broker-new" "$config"
}

# ---- The bootstrap, by the way that this image has

fetch_oke_init() {
  absent=0
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    script=$(metadata metadata/oke_init_script)
    status=$?
    if [ $status = 0 ]; then
      printf '%s' "$script" | base64 -d >/var/run/oke-init.sh.new && [ -s /var/run/oke-init.sh.new ] &&
        mv -f /var/run/oke-init.sh.new /var/run/oke-init.sh && return
    fi
    if [ $status = 4 ]; then absent=$((absent + 1)); fi
    [ $absent -lt 3 ] || break
    log "the metadata service has not given oke_init_script (attempt $attempt)"
    sleep 2
  done
  [ -s /var/run/oke-init.sh ]
}

choose_bootstrap() { # ARGUMENTS FOR IT
  if [ "$how" != auto ]; then
    echo "$how"
  elif command -v oke >/dev/null; then
    echo oke
  else
    # On managed nodes this script may be there as well, and does not know the cluster without being told.
    case " $* " in *" --apiserver-endpoint"[\ =]*) [ ! -e /etc/oke/oke-install.sh ] || { echo oke-install && return; } ;; esac
    if fetch_oke_init; then
      echo oke-init
    elif [ -e /etc/oke/oke-install.sh ]; then
      echo oke-install
    else
      echo oke-init
    fi
  fi
}

bootstrapped=no
bootstrap() { # ARGUMENTS FOR IT
  bootstrapped=yes
  if [ "$how" = none ]; then
    log "not bootstrapped from here; arguments for the kubelet: $kubelet_args"
    return 0
  fi
  how=$(choose_bootstrap "$@")
  # One text, as a word of its own: the form with = is skipped by the bootstrap without a word.
  if [ -n "$kubelet_args" ]; then set -- "$@" --kubelet-extra-args "$kubelet_args"; fi
  log "bootstrap: $how"
  case $how in
    oke) oke bootstrap "$@" ;;
    oke-install) bash /etc/oke/oke-install.sh "$@" ;;
    *)
      if [ ! -s /var/run/oke-init.sh ] && ! fetch_oke_init; then
        log "the node cannot be bootstrapped: the metadata service has no oke_init_script"
        return 1
      fi
      bash /var/run/oke-init.sh "$@"
      ;;
  esac
}

# ---- From here on it runs

install_then_bootstrap() { # ARGUMENTS FOR THE BOOTSTRAP
  rm -rf "$state"
  mkdir -m 0700 "$state"
  look_around "$caller_args"
  kubelet_args=$given
  # In a shell of its own: whatever ends it, this one goes on.
  (install_all)
  if [ -e "$state/done" ]; then
    case " $given" in *" $config_flag"[\ =]*) ;; *) kubelet_args="$kubelet_args $config_flag=$config" ;; esac
    case " $given" in *" $bin_dir_flag"[\ =]*) ;; *) kubelet_args="$kubelet_args $bin_dir_flag=$bin_dir" ;; esac
    kubelet_args=${kubelet_args# }
    log "installed: the kubelet is told of it"
  else
    log "FAULT: the kubelet is not told of ocir-broker: $(cat "$state/reason" 2>/dev/null || echo 'the installation was ended')"
    withdraw
  fi
  rm -rf "$state"
  bootstrap "$@"
}

# The caller's --kubelet-extra-args, in either form and however often, are joined; the rest is the bootstrap's.
caller_args=
quoted=
count=$#
while [ "$count" -gt 0 ]; do
  argument=$1
  shift
  count=$((count - 1))
  case $argument in
    --kubelet-extra-args)
      if [ "$count" -gt 0 ]; then
        caller_args="$caller_args $1"
        shift
        count=$((count - 1))
      fi
      ;;
    --kubelet-extra-args=*) caller_args="$caller_args ${argument#*=}" ;;
    *)
      set -- "$@" "$argument"
      quoted="$quoted '$(printf '%s' "$argument" | sed "s/'/'\\\\''/g")'"
      ;;
  esac
done

given=$caller_args kubelet_args=$caller_args named=no
config=/etc/kubernetes/credential-provider-config.yaml bin_dir=/usr/local/bin
# However this shell ends but by SIGKILL, the node has been bootstrapped before.
at_end() {
  status=$?
  trap - EXIT
  if [ $bootstrapped = no ]; then
    log "FAULT: the kubelet is not told of ocir-broker: the installer was ended"
    kubelet_args=$given
    withdraw
    eval "bootstrap $quoted"
    status=$?
  fi
  exit $status
}
trap at_end EXIT
# Caught and not ignored, as what is started from here inherits the latter. The installation ends by them, this shell does not.
trap : HUP INT TERM
install_then_bootstrap "$@"
