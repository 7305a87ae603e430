#!/bin/sh
# ocir-broker-node.sh 0.1.0: installs ocir-broker on an OKE node, and bootstraps it even if that fails
# usage: sudo sh ocir-broker-node.sh [--running | --SETTING VALUE]... [-- BOOTSTRAP ARGUMENT...]
# --running: on a node whose kubelet runs, only installs. The settings, e.g. --sources or OCIR_BROKER_SOURCES:
version=0.1.0
sources= # URLs and folders of the archive
sha256_amd64=
sha256_arm64=
service_accounts= # an audience
config= # the broker's configuration file
bootstrap= # oke, oke-install, oke-init, none (done elsewhere) or running (done)
kubelet_extra_args= # also KUBELET_EXTRA_ARGS
# Read main first, the end.
case ${0##*/}:$([ -f "$0" ] && tail -n 1 "$0") in sh:* | [bd]ash:*) ;; # stdin
	*"$(printf '\r')") # A shell allows CRLF only in comments.
	exec sh -c "$(tr -d '\r' <"$0")" sh 'CRLF line ends' "$@" ;; esac #
set -f && umask 022
program=/usr/libexec/ocir-broker/ocir-broker
work=/usr/libexec/ocir-broker-node # unpacked
state=/run/ocir-broker-node
metric=/run/ocir-broker-metrics/ocir_broker_install.prom
plugin=credential-provider-oke
flag='--image[-_]credential[-_]provider[-_]'
steady=30 patience=600 # seconds
problems='' reason='' signal='' help='' status=0

log() { printf 'ocir-broker-node: %s\n' "$*" >&2 && logger -t ocir-broker-node -- "$*"; }
error() { log "ERROR: $*" 2>&1 | timeout 5 tee /dev/console >&2 2>/dev/null; } # the console may block
fail() { reason=$* && return 1; }
one_line() { printf %s "$*" | tr -s '[:space:]' ' ' | sed 's/^ //; s/ $//'; }

# ---- Settings. A problem prevents the installation, but a new node still joins with them.

problem() { problems="${problems:+$problems; }$(printf %s "$*" | tr '\r\n' '  ')"; }
meant_by() { # NAME: prints the setting that it means, also with one wrong letter in either half
	case $1 in
		sou* | *rces | so*ces) echo sources ;;
		sha*arm* | *_arm64) echo sha256_arm64 ;;
		sha* | *_amd64) echo sha256_amd64 ;;
		service* | *accounts | serv*ounts) echo service_accounts ;;
		con* | *fig | co*ig) echo config ;;
		boot* | *strap | boo*rap) echo bootstrap ;;
		kubelet?ext* | kubelet_arg* | *_args) echo kubelet_extra_args ;;
		run* | *ning | ru*ing) echo running ;;
	esac
}
read_setting() { # NAME [VALUE]; sets `words` to the number of words that it has used
	words=1 name=$(printf %s "${1%%=*}" | sed -E 's/^(--|OCIR_BROKER_)//' | tr A-Z- a-z_)
	setting=$(meant_by "$name")
	case $setting,$1 in
		running,--running) bootstrap=running && return ;;
		,--help) help=yes && return ;;
		,OCIR_BROKER_*) return ;; # another program's
		"$name",--*=*) false ;;
		"$name",*[!a-z]*) ;; # with -- or as a variable
		*) false ;;
	esac || problem "unknown: $(printf %s "$1" | sed 's|://.*|://...|')${setting:+ (is it --$setting?)}"
	case $1 in *=*) value=${1#*=} ;; *) value=${2---} words=2 ;; esac
	case $setting,$value in
		,* | running,*) words=1 && return ;;
		*,-- | [!k]*,--* | *,--"$(meant_by "${value#--}" | tr _ -)") # only the kubelet's begin with --
			problem "$1 has no value" && words=1 && return ;;
	esac
	[ "$value" = "$(printf %s "$value" | tr -d '\r\n')" ] || problem "$1 has a line break (LF or CRLF)"
	[ "$setting" != kubelet_extra_args ] || value="$kubelet_extra_args $value"
	value=$(one_line "$value")
	[ -z "$value" ] || eval "$setting=\$value"
}
read_variables() { # A line within another variable's value is no variable.
	for variable in $(env -0 | tr '\n\0' ' \n' | sed -nE 's/^(OCIR_BROKER_\w*|KUBELET_EXTRA_ARGS)=.*/\1/p'); do
		read_setting "$variable" "$(printenv "$variable")"
	done
	unset KUBELET_EXTRA_ARGS
}
check_settings() { # ARGUMENT...
	before=''
	for word; do # A second --kubelet-extra-args would replace the first.
		[ "$before" = --kubelet-extra-args ] && problem "$before comes before --" && read_setting "$before" "$word"
		before=$word
	done
	case $bootstrap in '' | oke | oke-install | oke-init | none | running) return ;; esac
	problem "unknown: --bootstrap $bootstrap (oke, oke-install, oke-init, none or running)"
	case $bootstrap in
		[Nn]* | [Oo]n* | *[Oo][Nn][Ee] | *[Nn][Oo][Nn]*) bootstrap=none ;;
		*) bootstrap='' ;; # not for none: Karpenter's nodes would join with the wrong taints
	esac
}
check_person() { # A person can try again. Nobody repeats a first boot.
	! grep -Eq '/cloud-(init|config|final)[a-z-]*\.service' /proc/self/cgroup || return
	[ -z "$help" ] || exec head -n 12 "$0"
	[ "$(id -u)" = 0 ] || problem "run it as root"
	[ "$bootstrap" ] || ! systemctl -q is-active kubelet ||
		problem "a kubelet runs: use --running, or --bootstrap VALUE to repeat it"
	[ -z "$problems$reason" ] || { error "nothing was changed or bootstrapped: $problems$reason"; exit 2; }
}

# ---- The node

kubelet_pid() { systemctl show --property=MainPID --value kubelet 2>/dev/null; }
kubelet_unit() {
	{ systemctl cat kubelet; cat /etc/default/kubelet /etc/sysconfig/kubelet; } 2>/dev/null | grep -v '^ *[#;]'
}
value_of() { # FLAG TEXT
	printf %s "$2" | tr -s "\"'\\\\[:space:]" ' ' | sed -nE "s/.*$1[= ]([^ ]+).*/\1/p"
}
has_credentials() { # newer than this boot: an image can have old ones
	text="$(kubelet_unit) $(tr '\0' ' ' 2>/dev/null <"/proc/$(kubelet_pid)/cmdline")"
	file=$(value_of --kubeconfig "$text") folder=$(value_of --cert-dir "$text")
	[ "$(find -L "$file" "${folder:-/var/lib/kubelet/pki}/kubelet-client-current.pem" -maxdepth 0 -size +0 \
		-newermt "@$(sed -n 's/^btime //p' /proc/stat)" 2>/dev/null)" ]
}
metadata() { # KEY: prints nothing if it does not exist
	for host in 169.254.169.254 '[fd00:c1::a9fe:a9fe]' 169.254.169.254; do
		value=$(curl -qs --noproxy '*' --connect-timeout 2 -m 10 -H 'Authorization: Bearer Oracle' \
			-w ' %{http_code}' "http://$host/opc/v2/instance/metadata/$1")
		case $value in *' 200') printf %s "${value% 200}" && return ;; *' 404') return ;; esac
	done
	return 1
}
wait_for_image() { # A job that is ordered after this script does not run yet: it is not waited for.
	for _ in $(seq $((patience / 2))); do
		systemctl show --property=ActiveState oke oke-init 2>/dev/null | grep -q =activating || return
		[ -z "$signal" ] && sleep 2 9<&- || return
	done
}
take_lock() { # The lock ends with the script.
	mkdir -m 700 $state 2>/dev/null || [ -d $state ] || fail "disk: $state cannot be created" || return
	exec 9<$state
	flock -n 9 && { rm -f $state/result; return; }
	log "another run has not ended: waiting for it"
	flock -w 1200 9 || fail "lock: another run has not ended" || return
	[ ! -s $state/result ] || { log "it has ended, and so does this run"; exit "$(cat $state/result)"; }
}
report() {
	echo "ocir_broker_install_failed{reason=\"$1\"} 1" >$state/metric
	mkdir -p ${metric%/*} && mv -fT $state/metric $metric
}

# ---- The installation. A function that fails sets `reason`.

node_status() { timeout -s KILL 60 $program node status 9<&-; }
version_of() { timeout -s KILL 20 "$1" --version 2>/dev/null; }
undo() { # what a killed run has left
	each=$work$program
	[ "$(version_of "$each")" ] || each=$program
	[ -z "$(version_of "$each")" ] || timeout -s KILL 120 "$each" node remove --unfinished >/dev/null
}
fetch() { # URL, a secret: in no argument and no log
	printf 'url = "%s"\n' "${1%/}/$archive" >$state/url
	for pause in 1 2 4 0; do
		# Older curl has no limit if the size is unknown.
		(trap '' XFSZ && ulimit -f 600000 && exec curl -qfsSL --connect-timeout 5 -m 120 --max-filesize 300000000 \
			-o $work/archive -K $state/url 2>$state/said) && return
		[ "$signal" ] || sleep $pause
	done
	fail "download: $archive cannot be fetched: $(sed 's|[a-z]*://[^ ]*|<url>|g; q' $state/said)"
}
unpack() {
	case $(uname -m) in x86_64) arch=amd64 sum=$sha256_amd64 ;; *) arch=arm64 sum=$sha256_arm64 ;; esac
	archive=ocir-broker-$version-linux-$arch.tar.gz
	[ "$sum" ] || fail "checksum: a checkout's script has none: use that of a release" || return
	rm -rf $work && mkdir $work 2>$state/said || fail "disk: $(cat $state/said)" || return
	reason="download: none of the sources has $archive"
	for source in /opt/ocir-broker $sources; do
		case $source in /*) [ -f "$source/$archive" ] || continue && source=file://$source ;; esac
		fetch "$source" || continue
		found=$(sha256sum <$work/archive) && found=${found%% *}
		[ "$found" = "$sum" ] || fail "checksum: $archive has the wrong checksum $found, not $sum" ||
			{ log "$reason"; continue; }
		log "verified: $archive has SHA-256 $sum"
		LC_ALL=C tar -xzf $work/archive -C $work --strip-components=1 --no-same-owner 2>$state/said && return
		! grep -q 'No space left' $state/said || fail "disk: No space left on device" || return
		fail "archive: $(head -n 1 $state/said)" || return
	done
	return 1
}
run_program() { # PROGRAM ARGUMENT...
	[ -z "$signal" ] || fail "killed: by a signal" || return
	timeout -s KILL 420 "$@" "--kubelet-args=$given" \
		${service_accounts:+"--service-accounts=$service_accounts"} >$state/flags 2>$state/said 9<&- &
	wait $!
	result=$?
	kill -KILL -$! 2>/dev/null # what is left of its process group
	[ "$signal" ] || log "$(cat $state/said)"
	[ $result != 0 ] || { reason='' && return; }
	reason=$(sed -nE '$s/^ocir-broker: ([a-z-]+: )/\1/p' $state/said)
	[ $result -lt 128 ] || reason="killed: the installer was killed or hung"
	fail "${reason:-install: status $result: $(tail -n 1 $state/said)}"
}
install() {
	undo
	result=75
	set -- node install --connect --output flags ${config:+"--config=$config"}
	if [ "$(version_of $program)" = $version ]; then
		log "version $version is already installed"
		run_program $program "$@"
	fi
	[ $result != 75 ] || { unpack && run_program $work$program "$@" --from $work; }
}
restore() { # A kubelet does not start without the files that its flags name.
	undo && result='the node is as before' || result='it is not undone'
	text="$(kubelet_unit) $given"
	file=$(value_of "${flag}config" "$text") folder=$(value_of "${flag}bin[-_]dir" "$text")
	[ -z "$file$folder" ] && [ "$bootstrap" != none ] ||
		keep_valid "${file:-/etc/kubernetes/credential-provider-config.yaml}" "${folder:-/usr/local/bin}" ||
		given=$(printf %s "$given" | sed -E "s/$flag(config|bin[-_]dir)[= ][^ ]+ *//g")
	error "the installation failed, $result: $reason"
}
keep_valid() { # CONFIG BIN_DIR
	for name in $plugin $plugin-sa; do
		[ -x "$2/$name" ] || { [ -e "$1" ] && ! grep -rqsFD skip "$name" "$1"; } || write "$2/$name" 755 '#!/bin/sh
# ocir-broker do-nothing provider: a kubelet that names it needs it to start
echo '\''{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1",
"cacheKeyType":"Registry","cacheDuration":"0s","auth":{}}'\' || return
		[ -e "$1" ] || write "$1" 644 "kind: CredentialProviderConfig
apiVersion: kubelet.config.k8s.io/v1
providers:
  - name: $plugin
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ['*.ocir.io', 'ocir.*.oci.*.*']
    defaultCacheDuration: 0s" || return
	done
}
write() { # PATH MODE TEXT; only if root alone can change the path
	! namei -om "$1" 2>&1 | grep -qP '^(namei|f: ([^/]|.*/\.\.)| +([-d].{4}(w|.{3}w)|[-dl]\S{9} (?!root )))' &&
		mkdir -p "${1%/*}" && printf '%s\n' "$3" >"$1.new" && chmod "$2" "$1.new" && mv -fT "$1.new" "$1"
}

# ---- The node joins

choose_bootstrap() { # ARGUMENT...; see docs/decisions/0029-boot.md
	how=$bootstrap oke='' install=''
	! command -v oke >/dev/null || oke=oke
	[ $# = 0 ] || [ ! -e /etc/oke/oke-install.sh ] || install='oke-install'
	case " $*" in *' --apiserver-endpoint '* | *' --kubelet-ca-cert '*) how=${how:-$install} ;; esac
	how=${how:-${oke:-${install:-"oke-init"}}}
	[ "$how" = oke-init ] && systemctl cat oke-init >/dev/null 2>&1 || return
	[ "$(metadata oke_init_script)" ] || how=unit
}
try_bootstrap() { # ARGUMENT...
	for word; do
		case $how$word in
			oke--apiserver-endpoint) word=--apiserver-host ;;
			oke--kubelet-ca-cert) word=--ca ;;
			oke-install--apiserver-host) word=--apiserver-endpoint ;;
			oke-install--ca) word=--kubelet-ca-cert ;;
		esac
		[ "$word" = "$1" ] || log "$how gets $word instead of $1"
		shift
		set -- "$@" "$word"
	done
	[ -z "$given" ] || set -- "$@" --kubelet-extra-args "$given"
	log "bootstrap: $how; arguments for the kubelet: $given"
	case $how in
		oke) oke bootstrap "$@" ;;
		oke-install) bash /etc/oke/oke-install.sh "$@" ;;
		oke-init) fetch_init_script && bash /run/oke-init.sh "$@" ;;
		unit) systemctl enable --now --no-block oke-init && sleep 2; wait_for_image; has_credentials ;;
	esac 9<&-
}
fetch_init_script() { # and does what the default user data does before it
	metadata oke_init_script | base64 -d >/run/oke-init.sh
	[ -s /run/oke-init.sh ] || { error "there is no oke_init_script"; return 1; }
	PATH=$PATH:/usr/libexec timeout 60 oci-growfs -y || log "oci-growfs is missing or failed"
	touch /run/.oke-default-cloud-init
}
bootstrap_node() { # ARGUMENT...
	choose_bootstrap "$@"
	systemctl reset-failed kubelet 2>/dev/null
	process=$(kubelet_pid)
	for try in $(seq $((patience / 15))); do
		try_bootstrap "$@" && status=0 && break || status=$?
		! has_credentials || break
		log "bootstrap: try $try failed with status $status"
		sleep 15 9<&-
	done
	[ $status != 0 ] || [ "$process" != "$(kubelet_pid)" ] || restart_kubelet # It has read nothing of this.
}
restart_kubelet() { # without waiting, because it can be ordered after this script
	systemctl daemon-reload
	systemctl reset-failed kubelet 2>/dev/null
	systemctl --no-block restart kubelet
}
add_flags() { # to a kubelet that was bootstrapped by its image
	[ -z "$kubelet_extra_args" ] || error "the kubelet was bootstrapped before, without $kubelet_extra_args"
	[ -z "$reason" ] && run_program $program node connect --kubelet-flags || return
	restart_kubelet
	for _ in 1 2 3; do
		sleep $((steady + 1)) 9<&-
		age=$(ps -o etimes= -p "$(kubelet_pid)")
		[ "${age:-0}" -ge $steady ] && node_status | grep -q 'nothing to do' && return
	done
	timeout -s KILL 120 $program node disconnect --kubelet-flags
	restart_kubelet
	fail "kubelet-restart: the kubelet did not run for $steady s with its flags: restarted without"
}

main() {
	read_variables
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		read_setting "$@"
		shift $words
	done
	[ $# = 0 ] || shift
	check_settings "$@"
	check_person
	trap 'signal=yes' HUP INT TERM
	take_lock
	check_person # again, because it may have waited
	[ "$bootstrap" ] || wait_for_image
	given=$kubelet_extra_args
	[ "$bootstrap" = running ] || given=$(one_line "$(metadata kubelet-extra-args) $given")
	report killed
	[ -z "$problems" ] || fail "settings: $problems"
	[ "$reason" ] || install
	[ -z "$reason" ] || restore
	rm -rf $work
	[ "$reason" ] || given=$(one_line "$given $(cat $state/flags)")
	case $bootstrap in
		none) ;;
		running) if [ "$reason" ]; then status=1; else node_status >&2; fi ;;
		*) how=unit
			if [ "$bootstrap" ] || ! has_credentials; then bootstrap_node "$@"; fi
			[ "$how$status" != unit0 ] || add_flags ;;
	esac
	[ $status = 0 ] || has_credentials && outcome=bootstrapped || outcome='NOT bootstrapped'
	[ "$bootstrap" != none ] || outcome='not bootstrapped by this script'
	if [ "$reason" ]; then report "${reason%%:*}"; else rm -f $metric; fi
	[ -z "$reason" ] || outcome="$outcome, without ocir-broker: $reason. No reboot tries again: use --running"
	[ "$reason$status" = 0 ] || [ "$bootstrap" = running ] || error "the node was $outcome"
	echo $status >$state/result
	exit $status
}
main "$@"
