#!/bin/sh
# ocir-broker-node.sh 0.1.0: installs ocir-broker on an OKE node, and bootstraps the node even if that fails or hangs
# usage: sudo sh ocir-broker-node.sh [--SETTING VALUE...] [-- BOOTSTRAP ARGUMENT...]
# shellcheck disable=SC2015,SC2034,SC2046,SC2086,SC2174
version=0.1.0
sources= # URLs and folders of the archive; also OCIR_BROKER_SOURCES
sha256_amd64=
sha256_arm64=
service_accounts= # an audience, for pulls by service account
config= # a file, the broker's configuration
bootstrap= # oke, oke-install, oke-init, none (done elsewhere) or running (was done)
kubelet_extra_args= # also KUBELET_EXTRA_ARGS
set -uf && umask 022
state=/run/ocir-broker-node
metric=/run/ocir-broker-metrics/ocir_broker_install.prom
plugin=credential-provider-oke
flag='--image[-_]credential[-_]provider[-_]'
program=none work='' child='' rest='' status=75 done=no reason=install
log() { printf 'ocir-broker-node: %s\n' "$*" >&2 && logger -t ocir-broker-node -- "$*"; }
error() { log "ERROR: $*" 2>&1 | timeout 5 tee /dev/console >&2 2>/dev/null; } # the console may block
wrong() { error "nothing was changed: $*"; exit 2; }
fail() { reason=$1; exit 1; }
join() { printf %s "$*"; }
retry() { # PAUSES COMMAND ARGUMENT
	for pause in $1; do $2 "$3" && return || sleep $pause; done && return 1
}
for name in $(env | sed -n 's/^OCIR_BROKER_\(\w*\)=.*/\1/p'); do
	eval "set -- --$name \"\$OCIR_BROKER_$name\" \"\$@\""
done
set -- --kubelet-extra-args "${KUBELET_EXTRA_ARGS-}" "$@" && unset KUBELET_EXTRA_ARGS
while [ "${1---}" != -- ]; do
	setting=$(join "${1#--}" | tr A-Z- a-z_)
	case $setting in
		help) exec head -n 12 "$0" ;;
		running) bootstrap=running && shift && continue ;;
		kubelet_extra_args) kubelet_extra_args="$kubelet_extra_args ${2-}" ;;
		sources | sha256_amd64 | sha256_arm64 | service_accounts | config | bootstrap) eval "$setting=\${2:-\$$setting}" ;;
		*) wrong "unknown: $1 (see --help)" ;;
	esac
	: "${2?"value of $1"}" && shift 2
done
for word; do rest="$rest '$(join "$word" | sed "s/'/'\\\\''/g")'"; done
case $rest in *"'--kubelet-extra-args"*) wrong "--kubelet-extra-args comes before --" ;; esac
[ "$(id -u)" = 0 ] || wrong "run it as root"
case $bootstrap in
	'')
		! systemctl -q is-active kubelet || wrong "a kubelet runs: use --running, or --bootstrap to repeat it"
		bootstrap=oke-init
		[ -z "$rest" ] || [ ! -e /etc/oke/oke-install.sh ] || bootstrap=oke-install
		! command -v oke >/dev/null || bootstrap=oke ;;
	oke | oke-install | oke-init | none | running) ;;
	*) wrong "unknown: --bootstrap $bootstrap" ;;
esac
metadata() { # KEY; empty if it does not exist
	for host in 169.254.169.254 '[fd00:c1::a9fe:a9fe]'; do
		value=$(curl -qs --noproxy '*' --connect-timeout 2 -m 10 -H 'Authorization: Bearer Oracle' -w ' %{http_code}' \
			"http://$host/opc/v2/instance/metadata/$1")
		case $value in *\ 200) join "${value% 200}" && return ;; *\ 404) return ;; esac
	done
	return 1
}
fetch_from() { # URL, a secret: in no argument and no log
	printf 'url = "%s"\n' "${1%/}/$archive" | (
		trap '' XFSZ # older curl has no limit
		ulimit -f 600000
		curl -qfsSL --connect-timeout 5 -m 120 --max-filesize 300000000 -o $work/archive -K - 2>$state/said
	) && return
	reason="download: $archive cannot be fetched: $(sed 's|[a-z]*://[^ ]*|<url>|g; q' $state/said)"
	return 1
}
fetch() {
	archive=ocir-broker-$version-linux-$arch.tar.gz
	[ $sha256 ] || fail "checksum: none is set for $archive"
	said=$(rm -rf $work && mkdir $work 2>&1) || fail "disk: $said"
	reason="download: none of the sources has $archive"
	for source in /opt/ocir-broker $sources; do
		case $source in /*) [ -e $source/$archive ] && source=file://$source || continue ;; esac
		retry '1 2 4 0' fetch_from $source || continue
		if echo "$sha256  $work/archive" | sha256sum -c --status; then
			log "verified: $archive has SHA-256 $sha256"
			said=$(tar -xzf $work/archive -C $work --strip-components=1 --no-same-owner 2>&1) || fail "archive: $said"
			return
		fi
		reason="checksum: $archive has the wrong checksum"
	done
	exit 1
}
answer() { timeout -s KILL 20 $1 --version 2>/dev/null; }
undo() { [ -z "$(answer $1)" ] || timeout -s KILL 120 $1 node remove --unfinished; }
run() {
	timeout -s KILL 420 $program node install --connect "--kubelet-args=$given" ${config:+"--config=$config"} "$@" \
		${service_accounts:+"--service-accounts=$service_accounts"} --output flags >$state/flags 2>$state/said &
	child=$! && wait $child
	status=$?
	log "$(cat $state/said)"
}
install() {
	undo $work$program # of a killed run
	if [ "$(answer $program)" = $version ]; then
		log "version $version is already installed" && run
	fi
	if [ $status = 75 ]; then
		fetch
		program=$work$program && run --from $work
	fi
	[ $status -lt 128 ] || fail "killed: the installer was killed or hung"
	reason=$(sed -nE '$s/^ocir-broker: ([a-z-]+: )/\1/p' $state/said)
	[ $status = 0 ] || fail "${reason:-install: status $status: $(tail -n 1 $state/said)}"
}

# A kubelet does not start without the files that its flags name.
flag_in() {
	{ systemctl cat kubelet; cat /etc/default/kubelet /etc/sysconfig/kubelet; join " $given"; } 2>/dev/null |
		tr -s "\"'\\\\[:space:]" ' ' | sed -nE "s/.*$flag$1[= ]([^ ]+).*/\1/p"
}
write() { # PATH MODE TEXT; only if root alone can change the path
	! namei -om $1 2>&1 | grep -qP '^(namei|f: ([^/]|.*/\.\.)| +([-d].{4}(w|.{3}w)|[-dl]\S{9} (?!root )))' &&
		mkdir -p ${1%/*} && printf '%s\n' "$3" >$1.new && chmod $2 $1.new && mv -fT $1.new $1
}
keep_valid() { # CONFIG BIN_DIR
	for name in $plugin $plugin-sa; do
		[ -x $2/$name ] || { [ -e $1 ] && ! grep -rqsFD skip $name $1; } || write $2/$name 755 '#!/bin/sh
# ocir-broker do-nothing provider: a kubelet that names it needs it to start
echo '\''{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1",
"cacheKeyType":"Registry","cacheDuration":"0s","auth":{}}'\' || return
		[ -e $1 ] || write $1 644 "kind: CredentialProviderConfig
apiVersion: kubelet.config.k8s.io/v1
providers:
  - name: $plugin
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ['*.ocir.io', 'ocir.*.oci.*.*']
    defaultCacheDuration: 0s" || return
	done
}
fetch_init() { init=$(metadata oke_init_script | base64 -d) && [ "$init" ]; }
bootstrap() {
	[ -z "$given" ] || set -- "$@" --kubelet-extra-args "$given"
	log "bootstrap: $bootstrap; arguments for the kubelet: $given"
	case $bootstrap in
		oke) oke bootstrap "$@" ;;
		oke-install) bash /etc/oke/oke-install.sh "$@" ;;
		none) ;;
		running) [ $done = yes ] && ${program#"$work"} node status >&2 ;;
		*) retry '2 4 4 4 4 0' fetch_init '' || error "the node cannot be bootstrapped: there is no oke_init_script"
			bash -c "${init:?}" oke-init "$@" ;;
	esac
}
report() { # CODE
	echo "ocir_broker_install_failed{reason=\"$1\"} 1" >$state/metric
	mkdir -p ${metric%/*} && mv -fT $state/metric $metric
}
at_end() {
	trap - EXIT && trap : HUP INT TERM
	if [ $done = no ]; then
		[ -z "$child" ] || kill -KILL -$child 2>/dev/null
		undo $program && result=undone || result='not undone'
		config=$(flag_in config) bin_dir=$(flag_in 'bin[-_]dir')
		[ -z "$config$bin_dir" ] && [ $bootstrap != none ] ||
			keep_valid ${config:-/etc/kubernetes/credential-provider-config.yaml} ${bin_dir:-/usr/local/bin} ||
			given=$(join "$given" | sed -E "s/$flag(config|bin[-_]dir)[= ][^ ]+ *//g")
		error "the installation failed and was $result: $reason"
		report ${reason%%:*}
	fi
	rm -rf $work
	exec 9>&-
	eval "bootstrap $rest; exit \$?"
}
given=$kubelet_extra_args
trap at_end EXIT && trap 'fail "killed: by a signal"' HUP INT TERM
mkdir -pm 700 $state
exec 9<$state
flock -w 300 9 || fail "lock: another run has not ended"
program=/usr/libexec/ocir-broker/ocir-broker work=/usr/libexec/ocir-broker-node
report killed
arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
eval "sha256=\${sha256_$arch-}"
[ $bootstrap = running ] || given=$(join $(retry '1 1 0' metadata kubelet-extra-args) $given)
install
given=$(join $given $(cat $state/flags))
rm -f $metric && done=yes
