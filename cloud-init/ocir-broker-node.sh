#!/bin/sh
# ocir-broker-node.sh 0.1.0: installs ocir-broker on an OKE worker node and bootstraps it, at its first boot or later.
#
# The node is bootstrapped in any case. The kubelet gets our flags if all files that they name exist and were tested. A local
# error withholds them and is logged; a cloud error (no identity or IAM yet) does not, because the broker recovers from it. On a
# running node, an error changes nothing, and the exit status is 1.
#
# usage: ocir-broker-node.sh [--kubelet-extra-args "ARGS"] [BOOTSTRAP ARGUMENT...]
#
# Settings, from the environment (README.md). The script of a release needs none:
#   OCIR_BROKER_SOURCES       URLs and folders of the archive, tried in this order, in place of the release's
#   OCIR_BROKER_VERSION       exactly this version; if it is not the release's, the two checksums are needed too
#   OCIR_BROKER_SHA256_AMD64  from the release's SHA256SUMS
#   OCIR_BROKER_SHA256_ARM64
#   OCIR_BROKER_SERVICE_ACCOUNTS  an audience: pods pull with their service accounts (docs/service-accounts.md)
#   OCIR_BROKER_BOOTSTRAP     auto (default) | oke | oke-install | oke-init | none: done elsewhere | running: the node runs
# May be run more than once.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset TMPDIR
umask 022

name=credential-provider-oke
plugin=/usr/local/bin/$name
broker=/usr/local/bin/ocir-broker
libexec=/usr/libexec/ocir-broker
setup=$libexec/setup
list=$libexec/ocir-broker-files
disabled=/etc/ocir-broker/disabled
state=/run/ocir-broker-node
# For node-exporter, until an installation succeeds.
metrics=/run/ocir-broker-metrics/ocir_broker_install.prom
work=/usr/libexec/ocir-broker-node.work
# Links to the files that an installation replaces; empty if there were none.
before=/usr/libexec/ocir-broker-node.before
newline='
'
# `npm run package` writes the release's values here.
release=0.1.0
release_url=
release_sha256_amd64=
release_sha256_arm64=
version=${OCIR_BROKER_VERSION:-$release}
[ "$version" = $release ] || release_url='' release_sha256_amd64='' release_sha256_arm64=
sources="/opt/ocir-broker ${OCIR_BROKER_SOURCES:-$release_url}"
how=${OCIR_BROKER_BOOTSTRAP-auto}
service_accounts=${OCIR_BROKER_SERVICE_ACCOUNTS-}
metadata_bases=${OCI_METADATA_BASE_URL-http://169.254.169.254/opc/v2 http://[fd00:c1::a9fe:a9fe]/opc/v2}
config_flag=--image-credential-provider-config
bin_dir_flag=--image-credential-provider-bin-dir

log() {
  printf 'ocir-broker-node: %s\n' "$*" >&2
  logger -t ocir-broker-node -- "$*" 2>/dev/null || :
}

# Ends the installation, which is a subshell; the bootstrap continues. Each code is a row in docs/operations.md.
fail() { # CODE REASON
  echo "$1" >"$state/code"
  printf '%s\n' "$2" >"$state/reason"
  exit 1
}

# ---- Facts about this node

metadata() ( # PATH; status 4: the path does not exist
  set -f # an address in brackets is a pattern
  for attempt in 1 2 3; do
    [ $attempt = 1 ] || sleep 1
    for base in $metadata_bases; do
      # The body, then a line with the status.
      body=$(curl -qs --noproxy '*' --connect-timeout 2 --max-time 10 -H 'Authorization: Bearer Oracle' \
        -w '\n%{http_code}' "$base/instance/$1" 2>/dev/null)
      case ${body##*"$newline"} in
        200) printf '%s' "${body%"$newline"*}" && return ;;
        404) return 4 ;;
      esac
    done
  done
  return 1
)

# A kubelet also accepts underscores.
with_dashes() { sed 's/--image[-_]credential[-_]provider[-_]/--image-credential-provider-/g; s/-provider-bin_dir/-provider-bin-dir/g'; }

# The last value of a flag, in both forms, in arguments or a unit.
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

# Arguments without our two flags.
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

# Whether only root can change each part and link of a path, as check-path does.
is_roots() ( # PATH
  case $1 in /*) ;; *) exit 1 ;; esac
  at='' rest=$1/ links=
  while :; do
    facts=$(stat -c '%u %f' "${at:-/}" 2>/dev/null) || { case /$rest in */../*) exit 1 ;; esac; exit 0; }
    [ "${facts% *}" = 0 ] || exit 1
    if [ -L "$at" ]; then
      links=x$links
      [ ${#links} -le 40 ] || exit 1
      target=$(readlink "$at")
      case $target in /*) at='' ;; *) at=${at%/*} ;; esac
      rest=$target/$rest
    elif [ $((0x${facts#* } & 18)) != 0 ]; then
      exit 1
    fi
    [ -n "$rest" ] || exit 0
    part=${rest%%/*} rest=${rest#*/}
    case $part in "" | .) ;; ..) at=${at%/*} ;; *) at=$at/$part ;; esac
  done
)

# The kubelet's arguments: from the metadata key, the environment and the caller; the last value counts. The bootstrap gets one
# text, because it uses only the last of two. A running kubelet's arguments override those of its unit.
look_around() { # CALLER'S ARGUMENTS FOR THE KUBELET
  kubelet_program='' from_process=
  if [ "$how" = running ]; then
    given=
    # Any user or pod may have a process with this name.
    kubelet=/proc/$(systemctl show --value -p MainPID kubelet.service 2>/dev/null)
    if kubelet_program=$(readlink "$kubelet/exe"); then from_process=$(tr '\0' '\n' <"$kubelet/cmdline" | with_dashes); fi
  else
    from_metadata=$(metadata metadata/kubelet-extra-args) || from_metadata=
    given=$(printf '%s %s %s' "$from_metadata" "${KUBELET_EXTRA_ARGS-}" "$1" | tr -s '[:space:]' ' ' | with_dashes)
    given=${given# } given=${given% }
  fi
  unset KUBELET_EXTRA_ARGS
  from_units=$(cat /usr/lib/systemd/system/kubelet.service /usr/lib/systemd/system/kubelet.service.d/*.conf \
    /etc/systemd/system/kubelet.service /etc/systemd/system/kubelet.service.d/*.conf \
    /etc/default/kubelet /etc/sysconfig/kubelet 2>/dev/null | tr "\"'\\\\" '   ' | with_dashes)
  config=$(flag_in "$config_flag" "$from_units $given")
  bin_dir=$(flag_in "$bin_dir_flag" "$from_units $given")
  IFS=$newline
  running_config=$(flag_in "$config_flag" "$from_process")
  running_bin_dir=$(flag_in "$bin_dir_flag" "$from_process")
  unset IFS
  config=${running_config:-$config} bin_dir=${running_bin_dir:-$bin_dir}
  # Whether flags from elsewhere name these files.
  named=no
  if [ -n "$config" ] || [ "$how" = none ]; then named=yes; fi
  config=${config:-/etc/kubernetes/credential-provider-config.yaml} bin_dir=${bin_dir:-/usr/local/bin}
}

# ---- Stages of the installation

check_switch() {
  [ ! -e $disabled ] || fail switched-off "ocir-broker is switched off on this node: run ocir-broker enable, then this script again"
}

check_machine() {
  case $(uname -m) in
    x86_64) architecture=amd64 sha256=${OCIR_BROKER_SHA256_AMD64:-$release_sha256_amd64} ;;
    aarch64) architecture=arm64 sha256=${OCIR_BROKER_SHA256_ARM64:-$release_sha256_arm64} ;;
    *) fail architecture "there is no ocir-broker for $(uname -m)" ;;
  esac
  for path in "${kubelet_program:-/}" "$config" "$bin_dir"; do
    is_roots "$path" ||
      fail path-untrusted "path-untrusted: $path: a user other than root can change it or its folders"
  done
  kubelet_version=$(version_of "$kubelet_program" || version_of kubelet || metadata metadata/oke-k8version) ||
    fail kubelet-version "neither the kubelet nor the metadata key oke-k8version gives the Kubernetes version"
  libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc=
  case $libc in
    "glibc 2."*) [ "${libc#glibc 2.}" -ge 28 ] || fail glibc "$libc is too old: 2.28 is needed (Oracle Linux 8, Ubuntu 20.04)" ;;
    *) fail glibc "glibc 2.28 or newer is needed, but this is: ${libc:-unknown}" ;;
  esac
}

version_of() { timeout 10 "$1" --version 2>/dev/null | grep -m 1 '^Kubernetes v'; }

check_libraries() {
  ldconfig -p | grep -q 'libatomic\.so\.1 ' && return
  log "libatomic is missing: installing it"
  if command -v dnf >/dev/null; then
    timeout 90 dnf -q -y install libatomic >/dev/null 2>&1
  else
    timeout 90 apt-get -qq -y install libatomic1 >/dev/null 2>&1
  fi
  ldconfig -p | grep -q 'libatomic\.so\.1 ' || fail libatomic "libatomic.so.1 is missing: put libatomic (Ubuntu: libatomic1) into the image"
}

is_installed() {
  for folder in "$before" "$work"; do [ ! -d "$folder" ] || return 1; done
  answers
}

answers() {
  [ "$(readlink -f "$plugin")" = "$libexec/$name" ] &&
    [ "$(timeout 20 "$plugin" --version 2>/dev/null </dev/null)" = "$name $version" ] &&
    [ "$(timeout 20 "$broker" --version 2>/dev/null)" = "$version" ]
}

# A package manager must find the files that it has installed.
refuse_package() {
  if [ ! -e $setup ] || [ -e $list ]; then return; fi
  has=$(timeout 20 "$broker" --version 2>/dev/null)
  fail package "a package of ocir-broker ${has:=of no known version} is installed, but $version is needed: install that package, or set OCIR_BROKER_VERSION=$has"
}

fetch_from() { # SOURCE
  case $1 in
    /*) cp "$1/$archive" "$work/$archive" 2>"$work/said" && return ;;
    *)
      for pause in 1 2 4 0; do
        # A pre-authenticated request is a secret: its address is in no argument and no log. curl before 8.4 limits only a size that
        # is announced; the file's limit, in blocks of 512 bytes, makes its write fail.
        printf 'url = "%s"\n' "${1%/}/$archive" | (
          trap '' XFSZ
          ulimit -f 600000
          curl -qfsSL --proto '=https,http' --connect-timeout 5 --max-time 120 --speed-limit 10000 --speed-time 20 \
            --max-filesize 300000000 -o "$work/$archive" --config - 2>"$work/said"
        ) && return
        [ $pause = 0 ] || sleep $pause
      done
      ;;
  esac
  why="the archive cannot be fetched: $(sed "s|[a-z]*://[^ ]*|<url>|g; q" "$work/said")"
  return 1
}

fetch_archive() {
  archive=ocir-broker-$version-linux-$architecture.tar.gz
  [ -n "$sha256" ] || fail checksum "no checksum is set for $archive"
  code=download why="none of the sources has $archive"
  set -f
  for source in $sources; do
    case $source in /*) [ -e "$source/$archive" ] || continue ;; esac
    fetch_from "$source" || continue
    if printf '%s  %s\n' "$sha256" "$work/$archive" | sha256sum -c --status; then
      set +f
      log "verified: $archive has the pinned SHA-256 $sha256"
      return
    fi
    code=checksum why="the archive has another checksum than the one that is set"
  done
  fail $code "$why"
}

# A hard link preserves the file, as an installation replaces it by a rename.
keep_before() {
  [ ! -d "$before" ] || return 0
  rm -rf "$before.new"
  mkdir "$before.new"
  if [ -e $list ]; then
    { echo $list && cat $list; } | while read -r file; do
      mkdir -p "$before.new${file%/*}" && { ln "$file" "$before.new$file" 2>/dev/null || cp -a "$file" "$before.new$file"; } || exit 1
    done || fail disk "the installed version cannot be saved"
  fi
  mv "$before.new" "$before"
}

install_archive() {
  said=$(tar -xzf "$work/$archive" -C "$work" --no-same-owner 2>&1) || fail archive "the archive cannot be unpacked: $said"
  rm -f "$work/$archive"
  tree=$work/${archive%.tar.gz}
  [ -x "$tree/install.sh" ] || fail archive "the archive is not ocir-broker $version"
  # Before anything is replaced. If it does not run here, install.sh says why.
  fresh=$tree/usr/libexec/ocir-broker/ocir-broker
  if timeout 20 "$fresh" version >/dev/null 2>&1; then check_config "$fresh"; fi
  keep_before
  said=$(timeout 120 "$tree/install.sh" 2>&1) || fail install "it cannot be installed: $said"
  answers || fail install "it is installed, but does not answer as version $version"
}

install_files() {
  if is_installed; then
    log "version $version is already installed"
    return
  fi
  refuse_package
  rm -rf "$work"
  said=$(mkdir "$work" 2>&1) || fail disk "nothing can be written to /usr/libexec: $said"
  fetch_archive
  log "stage: install $archive"
  install_archive
}

check_config() { # PROGRAM
  said=$(timeout 20 "${1-$broker}" config check 2>&1) || fail config "the configuration has errors: $said"
}

start_units() {
  timeout 60 systemctl start ocir-broker.socket ocir-broker.service >/dev/null 2>&1 ||
    fail service "ocir-broker.service does not start: see journalctl -u ocir-broker.service"
}

# Calls the plugin as the kubelet does.
ask_plugin() {
  region=$(metadata canonicalRegionName) || region=us-ashburn-1
  response=$(printf '{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"%s.ocir.io/ocir-broker/check"}\n' "$region" |
    timeout 55 "$plugin" 2>"$state/said")
  status=$?
  said=$(head -c 600 "$state/said")
  if [ $status = 0 ]; then
    said=$(printf '%s' "$response" | timeout 20 "$broker" kubelet-config check-response 2>&1) || fail plugin "the plugin was asked: $said"
    return
  fi
  case $said in
    "ocir-broker: shim-"*) fail plugin "the plugin was asked: $said" ;;
    "ocir-broker: "[a-z]*": "*) log "no credentials yet, which does not withhold the flags, because the broker recovers from it: $said" ;;
    *) fail plugin "the plugin was asked, and ended with $status: $said" ;;
  esac
}

# Last, because nothing may fail after it.
connect() {
  : >"$state/connect"
  # One more argument, if there is an audience.
  said=$(timeout 120 "$setup" connect "$config" "$bin_dir" "$kubelet_version" ${service_accounts:+"$service_accounts"} 2>"$state/said") || fail connect "$(cat "$state/said")"
  printf '%s' "$said" >"$state/changed"
}

install_all() {
  for stage in check_switch check_machine check_libraries install_files check_config start_units ask_plugin connect; do
    log "stage: $stage"
    $stage
  done
  rm -rf "$work" "$before"
  : >"$state/done"
}

# ---- After an error: restores the state without ocir-broker

# timeout creates a process group, which would continue during the removal.
end_rest() {
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    # A process can block those who read from it.
    rest=$(timeout 20 grep -lszFx "OCIR_BROKER_INSTALLATION=$$" /proc/[0-9]*/environ 2>/dev/null)
    [ -n "$rest" ] || return 0
    for process in $rest; do
      process=${process%/environ}
      kill -KILL "${process#/proc/}" 2>/dev/null
    done
    [ $attempt = 1 ] || sleep 1
  done
}

withdraw() {
  end_rest
  # The connection of an earlier run stays.
  if [ -e "$state/connect" ] && [ ! -e "$state/connected" ]; then timeout 60 "$setup" disconnect >/dev/null 2>&1; fi
  if [ -d "$before/usr" ]; then
    take_back
  elif [ -d "$before" ]; then
    if [ -x $libexec/uninstall.sh ]; then
      timeout 60 $libexec/uninstall.sh >/dev/null 2>&1 || log "the installation could not be removed"
    else
      # Killed while files were copied, so none has its final name.
      rm -rf $libexec /usr/share/doc/ocir-broker
    fi
    rmdir /etc/ocir-broker 2>/dev/null
  fi
  rm -rf "$work" "$before" "$before.new"
  ! is_roots "$config" || rm -f "$config.ocir-broker-new"
  find $libexec /usr/lib/s* /usr/lib/t* /usr/local /usr/share -name '*.ocir-broker-new' -delete 2>/dev/null
  if [ $named = yes ] && ! keep_valid; then
    log "the files of the kubelet's flags cannot be installed: the flags are removed"
    kubelet_args=$(without_flags "$kubelet_args")
  fi
}

take_back() {
  log "the previous version is restored"
  { cat $list 2>/dev/null; } | while read -r file; do [ -e "$before$file" ] || rm -f "$file"; done
  { echo $list && cat "$before$list"; } | while read -r file; do
    rm -f "$file.ocir-broker-new"
    cp -al "$before$file" "$file.ocir-broker-new" 2>/dev/null || cp -a "$before$file" "$file.ocir-broker-new"
    mv -f "$file.ocir-broker-new" "$file"
  done
  timeout 120 "$setup" install >/dev/null 2>&1 || log "it could not be started: see systemctl status ocir-broker.service"
}

# Installs what flags from elsewhere name, or fails: the kubelet needs it to start.
keep_valid() {
  is_roots "$config" && is_roots "$bin_dir" || return
  for needed in $name $name-sa; do
    if [ -x "$bin_dir/$needed" ] || ! config_names "$needed"; then continue; fi
    mkdir -p "$bin_dir"
    cat >"$bin_dir/$needed.ocir-broker-new" <<'PLUGIN'
#!/bin/sh
# ocir-broker do-nothing provider: ocir-broker could not be installed, and a kubelet that names this needs it to start.
cat >/dev/null
echo '{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1","cacheKeyType":"Registry","cacheDuration":"0s","auth":{}}'
PLUGIN
    chmod 755 "$bin_dir/$needed.ocir-broker-new" && mv -fT "$bin_dir/$needed.ocir-broker-new" "$bin_dir/$needed" || return
    log "the kubelet's flags come from elsewhere: $bin_dir/$needed now answers 'no credentials'"
  done
  [ ! -e "$config" ] || return 0
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

# A configuration that is not there yet will name our plugin. Reading a pipe could block forever.
config_names() { # PLUGIN
  if [ -e "$config" ]; then grep -qsF -d skip -D skip "$1" "$config" "$config"/*; else [ "$1" = $name ]; fi
}

# ---- The bootstrap

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
    # Managed nodes may have this script too; it needs an endpoint.
    case " $* " in *" --apiserver-endpoint"[\ =]*) [ ! -e /etc/oke/oke-install.sh ] || { echo oke-install && return; } ;; esac
    if ! fetch_oke_init && [ -e /etc/oke/oke-install.sh ]; then echo oke-install; else echo oke-init; fi
  fi
}

bootstrapped=no
bootstrap() { # ARGUMENTS FOR IT
  bootstrapped=yes
  if [ "$how" = running ]; then
    [ $installed = yes ] || return
    $libexec/kubelet-advice "$config" "$bin_dir" | while read -r line; do log "$line"; done
    return 0
  fi
  if [ "$how" = none ]; then
    log "not bootstrapped from here; arguments for the kubelet: $kubelet_args"
    return 0
  fi
  how=$(choose_bootstrap "$@")
  # A separate word, because the bootstrap ignores the form with =.
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

# ---- Main

# One installer of any kind at a time. A test compares open_lock with install-lock.
locked=no
lock_file=/run/ocir-broker-install.lock
open_lock() {
  [ -e $lock_file ] || (umask 077 && : >>$lock_file)
  [ -f $lock_file ] && [ ! -L $lock_file ] && [ "$(stat -c %u:%a $lock_file)" = 0:600 ] && command exec 9>>$lock_file
}

lock() {
  open_lock || return
  if ! flock -n 9; then
    log "another installation runs on this node: waiting for its end"
    flock -w 300 9 || return
  fi
  locked=yes
  export OCIR_BROKER_LOCKED=yes
}

unlock() {
  locked=no
  unset OCIR_BROKER_LOCKED
  exec 9>&-
}

# In the folder of the daemon's metrics, to which its group may write: a rename follows no link.
report() { # CODE
  new=$(mktemp /run/ocir-broker-install.XXXXXX) || return
  printf '%s\n' '# HELP ocir_broker_install_failed Always 1. The last installation on this node has failed, for this reason.' \
    '# TYPE ocir_broker_install_failed gauge' "ocir_broker_install_failed{reason=\"$1\"} 1" >"$new"
  if ! { chmod 644 "$new" && mkdir -p "${metrics%/*}" && mv -fT "$new" $metrics; }; then rm -f "$new"; fi
}

report_error() { # CODE REASON
  result="the kubelet gets no flags for ocir-broker"
  if [ "$how" = running ]; then result="everything is as it was before"; fi
  log "ERROR: $result: $2"
  # The console's history can be read without a login. A console that is not read could block.
  printf 'ocir-broker-node: ERROR: %s: %s\n' "$result" "$2" | timeout 5 tee /dev/console >/dev/null 2>&1
  report "$1"
}

installed=no
install_then_bootstrap() { # ARGUMENTS FOR THE BOOTSTRAP
  look_around "$caller_args"
  kubelet_args=$given
  if lock; then
    rm -rf "$state"
    mkdir -m 0700 "$state"
    # Stays if this shell is killed.
    report killed
    [ -z "$(find /var/lib/ocir-broker/replaced -mindepth 2 -name written 2>/dev/null)" ] || : >"$state/connected"
    # A subshell, so that this shell continues.
    (export OCIR_BROKER_INSTALLATION=$$ && install_all)
    if [ -e "$state/done" ]; then
      installed=yes
      rm -f $metrics
      case " $given" in *" $config_flag"[\ =]*) ;; *) kubelet_args="$kubelet_args $config_flag=$config" ;; esac
      case " $given" in *" $bin_dir_flag"[\ =]*) ;; *) kubelet_args="$kubelet_args $bin_dir_flag=$bin_dir" ;; esac
      kubelet_args=${kubelet_args# }
      if [ "$how" = running ]; then log "installed: version $version"; else log "installed: the kubelet gets its flags"; fi
    else
      withdraw
      report_error "$(cat "$state/code" 2>/dev/null || echo killed)" "$(cat "$state/reason" 2>/dev/null || echo 'the installation was ended')"
    fi
    rm -rf "$state"
    unlock
  else
    report_error lock "another installation has not ended for 5 minutes, or its lock is not root's alone: see fuser -v $lock_file"
  fi
  bootstrap "$@"
}

# Joins the caller's --kubelet-extra-args, in both forms; the rest is for the bootstrap.
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
# Bootstraps the node before this shell ends, except after SIGKILL.
at_end() {
  status=$?
  trap - EXIT
  if [ $bootstrapped = no ]; then
    kubelet_args=$given
    if [ $locked = yes ]; then withdraw; fi
    report_error killed "the installer was ended"
    eval "bootstrap $quoted"
    status=$?
  fi
  exit $status
}
trap at_end EXIT
# Caught, as children would inherit ignored signals: they end the installation, not this shell.
trap : HUP INT TERM
install_then_bootstrap "$@"
