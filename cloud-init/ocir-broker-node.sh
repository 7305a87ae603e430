#!/bin/sh
# ocir-broker-node.sh 0.1.0: installs ocir-broker on an OKE node, and bootstraps the node even if that fails.
# The settings are the next lines, or variables of the same names: OCIR_BROKER_SOURCES overrides `sources`.
# The arguments, and the variable KUBELET_EXTRA_ARGS, are the bootstrap's. Read `main` first, at the end.
version=0.1.0
sources= # URLs and folders of the archive, separated by spaces
sha256_amd64=
sha256_arm64=
service_accounts= # an audience: pods pull with their service accounts
config= # a file with the broker's configuration
bootstrap= # oke, oke-install or oke-init; none: not by this script; running: install on a node that runs

set -f
umask 022
program=/usr/libexec/ocir-broker/current/ocir-broker
work=/usr/libexec/ocir-broker-node # where the archive is unpacked
state=/run/ocir-broker-node
metric=/run/ocir-broker-metrics/ocir_broker_install.prom
plugin=credential-provider-oke
patience=600 # seconds: for the image's bootstrap to end, and for ours to succeed
reason='' # why the node has no ocir-broker: CODE: TEXT
signal='' # not empty after SIGHUP, SIGINT or SIGTERM
status=0 # of the bootstrap

log() {
	printf 'ocir-broker-node: %s\n' "$*" >&2
	logger -t ocir-broker-node -- "$*"
}
error() { log "ERROR: $*" 2>&1 | timeout 5 tee /dev/console >&2 2>/dev/null; } # The console may block.
fail() {
	reason=$*
	return 1
}
one_line() { printf %s "$*" | tr -s '[:space:]' ' ' | sed 's/^ //; s/ $//'; }

# ---- Settings. A wrong one prevents the installation, but the node still joins.

read_settings() {
	# The names of the variables: a line within a value can look like one.
	for name in $(env -0 | tr '\n\0' ' \n' | sed -n 's/^\(OCIR_BROKER_[A-Za-z0-9_]*\)=.*/\1/p'); do
		value=$(printenv "$name")
		if [ ! "$value" ]; then continue; fi
		case $name in
			OCIR_BROKER_SOURCES) sources=$value ;;
			OCIR_BROKER_SHA256_AMD64) sha256_amd64=$value ;;
			OCIR_BROKER_SHA256_ARM64) sha256_arm64=$value ;;
			OCIR_BROKER_SERVICE_ACCOUNTS) service_accounts=$value ;;
			OCIR_BROKER_CONFIG) config=$value ;;
			OCIR_BROKER_BOOTSTRAP) bootstrap=$value ;;
			# Of our other programs.
			OCIR_BROKER_SOCKET | OCIR_BROKER_STATE_FILE) ;;
			OCIR_BROKER_KUBELET_RESTART | OCIR_BROKER_VERSION) ;;
			*) fail "settings: there is no setting $name" ;;
		esac
	done
	case $bootstrap in
		'' | oke | oke-install | oke-init | none | running) ;;
		*)
			fail "settings: bootstrap is $bootstrap, but must be oke, oke-install, oke-init, none or running"
			bootstrap=''
			;;
	esac
}

# ---- The node

kubelet_pid() { systemctl show --property=MainPID --value kubelet 2>/dev/null; }
kubelet_unit() {
	{ systemctl cat kubelet; cat /etc/default/kubelet /etc/sysconfig/kubelet; } 2>/dev/null | grep -v '^ *[#;]'
}
value_of() { # FLAG TEXT: the flag's last value in the text
	printf %s "$2" | tr -s "\"'\\\\[:space:]" ' ' | sed -nE "s/.*$1[= ]([^ ]+).*/\1/p"
}
has_credentials() { # whether the node has joined since it booted: an image can contain credentials of another node
	text="$(kubelet_unit) $(tr '\0' ' ' 2>/dev/null <"/proc/$(kubelet_pid)/cmdline")"
	file=$(value_of --kubeconfig "$text")
	folder=$(value_of --cert-dir "$text")
	booted=$(sed -n 's/^btime //p' /proc/stat)
	[ "$(find -L "$file" "${folder:-/var/lib/kubelet/pki}/kubelet-client-current.pem" -maxdepth 0 -size +0 \
		-newermt "@$booted" 2>/dev/null)" ]
}
metadata() { # KEY: prints nothing if it does not exist
	for host in 169.254.169.254 '[fd00:c1::a9fe:a9fe]' 169.254.169.254; do
		value=$(curl -qs --noproxy '*' --connect-timeout 2 -m 10 -H 'Authorization: Bearer Oracle' \
			-w ' %{http_code}' "http://$host/opc/v2/instance/metadata/$1")
		case $value in
			*' 200') printf %s "${value% 200}" && return ;;
			*' 404') return ;;
		esac
	done
	return 1
}
wait_for_image() { # until the image's own bootstrap has ended; one that waits for cloud-init to end can take the whole time
	for _ in $(seq $((patience / 2))); do
		if ! systemctl show --property=ActiveState oke oke-init 2>/dev/null | grep -q =activating; then return; fi
		sleep 2 9<&-
	done
}
take_lock() { # It ends with the script.
	(umask 077 && mkdir -p $state) && exec 9<$state
	if flock -n 9; then return; fi
	log "another run has not ended: waiting for it"
	flock -w 1200 9 || fail "lock: another run has not ended"
}
expect_unjoined() { # A person must say what to do with a kubelet that runs. At a first boot, it may wait for its bootstrap.
	if [ ! "$bootstrap" ] && systemctl -q is-active kubelet &&
		! grep -Eq '/cloud-(init|config|final)[a-z-]*\.service' /proc/self/cgroup; then
		error "nothing was changed, because a kubelet runs: set OCIR_BROKER_BOOTSTRAP=running," \
			"or OCIR_BROKER_BOOTSTRAP=oke (oke-install, oke-init) to bootstrap it again"
		exit 2
	fi
}
write_metric() { # CODE: for node-exporter
	echo "ocir_broker_install_failed{reason=\"$1\"} 1" >$state/metric
	mkdir -p ${metric%/*} && mv -fT $state/metric $metric
}
report_failure() {
	write_metric "${reason%%:*}"
	error "this node gets no ocir-broker: $reason. Nothing tries again by itself: correct it, and replace the node," \
		"or run this script on it with OCIR_BROKER_BOOTSTRAP=running"
}

# ---- The installation. A function that fails sets `reason`.

fetch() { # FOLDER or URL, which can be a secret: it is in no argument and in no log
	case $1 in
		/*)
			if [ ! -f "$1/$archive" ]; then return 1; fi
			cp "$1/$archive" $work/archive
			return
			;;
	esac
	printf 'url = "%s"\n' "${1%/}/$archive" >$state/url
	for pause in 1 2 4 0; do
		# curl before 8.4 has no limit of its own if the size is unknown.
		curl -qfsSL --connect-timeout 5 -m 120 -K $state/url 2>$state/said | head -c 300000000 >$work/archive
		if [ "$signal" ]; then
			fail "killed: by a signal"
			return
		fi
		if [ ! -s $state/said ]; then return; fi
		sleep $pause
	done
	fail "download: $archive cannot be fetched: $(sed 's|[a-z]*://[^ ]*|<url>|g; q' $state/said)"
}
unpack() {
	case $(uname -m) in
		x86_64) arch=amd64 sum=$sha256_amd64 ;;
		*) arch=arm64 sum=$sha256_arm64 ;;
	esac
	archive=ocir-broker-$version-linux-$arch.tar.gz
	if [ ! "$sum" ]; then
		fail "checksum: a checkout's script has none: use that of a release"
		return
	fi
	rm -rf $work
	if ! mkdir $work 2>$state/said; then
		fail "disk: $(cat $state/said)"
		return
	fi
	reason="download: none of the sources has $archive"
	for source in /opt/ocir-broker $sources; do
		if [ "$signal" ]; then break; fi
		if ! fetch "$source"; then continue; fi
		found=$(sha256sum <$work/archive)
		if [ "${found%% *}" = "$sum" ]; then
			log "verified: $archive has SHA-256 $sum"
			if ! tar -xzf $work/archive -C $work --strip-components=1 --no-same-owner 2>$state/said; then
				fail "disk: $(one_line "$(head -n 2 $state/said)")"
			fi
			return
		fi
		fail "checksum: $archive has the wrong checksum ${found%% *}, not $sum"
		log "$reason"
	done
	return 1
}
run_program() { # PROGRAM ARGUMENT...; sets `result` to its exit status
	result=1
	if [ "$signal" ]; then
		fail "killed: by a signal"
		return
	fi
	timeout -k 60 420 "$@" >$state/flags 2>$state/said 9<&- &
	wait $!
	result=$?
	while [ "$signal" ] && kill -TERM $! 2>/dev/null; do # It takes back what it has done.
		wait $!
		result=$?
	done
	log "$(cat $state/said)"
	if [ $result = 0 ]; then
		reason=''
		return
	fi
	reason=$(sed -nE 's/^ocir-broker: ([a-z-]+: )/\1/p' $state/said | tail -n 1)
	case $result in 124 | 137) reason="killed: the installer was killed, or hung for 7 minutes" ;; esac
	fail "${reason:-install: status $result: $(tail -n 1 $state/said)}"
}
install() {
	set -- --connect --output flags "--kubelet-args=$given"
	if [ "$config" ]; then set -- "$@" "--config=$config"; fi
	if [ "$service_accounts" ]; then set -- "$@" "--service-accounts=$service_accounts"; fi
	if [ "$(timeout -s KILL 20 $program --version 2>/dev/null)" = $version ]; then
		log "version $version is already installed"
		run_program $program node install "$@"
		if [ $result != 75 ]; then return; fi # 75: it is incomplete
	fi
	unpack && run_program $work/install.sh "$@"
}

# ---- After a failed installation. A kubelet does not start without the files that flags of others name.

write_missing() {
	text="$(kubelet_unit) $given"
	file=$(value_of '--image[-_]credential[-_]provider[-_]config' "$text")
	folder=$(value_of '--image[-_]credential[-_]provider[-_]bin[-_]dir' "$text")
	if [ "$bootstrap" = none ]; then # The bootstrap adds the flags of docs/consumers/karpenter.md.
		file=${file:-/etc/kubernetes/credential-provider-config.yaml}
		folder=${folder:-/usr/local/bin}
	fi
	if [ ! "$file" ] || [ ! "$folder" ]; then return; fi
	if [ ! -e "$file" ]; then
		write "$file" 644 "kind: CredentialProviderConfig
apiVersion: kubelet.config.k8s.io/v1
providers:
  - name: $plugin
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ['*.ocir.io', 'ocir.*.oci.*.*']
    defaultCacheDuration: 0s"
	fi
	write_plugin $plugin '{}'
	write_plugin $plugin-sa '{"*.ocir.io":{"username":"","password":""},"ocir.*.oci.*.*":{"username":"","password":""}}'
}
write_plugin() { # NAME CREDENTIALS; only if the configuration names it
	if [ -e "$folder/$1" ] || ! grep -rqsF -D skip "$1" "$file"; then return; fi
	write "$folder/$1" 755 "#!/bin/sh
# Written by ocir-broker-node.sh, because a kubelet that names it needs it to start.
echo '{\"kind\":\"CredentialProviderResponse\",\"apiVersion\":\"credentialprovider.kubelet.k8s.io/v1\",
\"cacheKeyType\":\"Registry\",\"cacheDuration\":\"0s\",\"auth\":$2}'"
}
write() { # PATH MODE TEXT
	if is_roots "$1" && mkdir -p "${1%/*}" && printf '%s\n' "$3" >"$1.new" && chmod "$2" "$1.new" && mv -fT "$1.new" "$1"; then
		return
	fi
	error "the kubelet needs $1, which cannot be written, or only where others than root can change it"
}
is_roots() { # PATH: whether each folder above it that exists is no link, belongs to root, and has no other writer
	case $1 in */..* | [!/]*) return 1 ;; esac
	above=${1%/*}
	while [ "$above" ]; do
		if [ "$(find "$above" -maxdepth 0 ! '(' -type d -user root ! -perm /022 ')' 2>/dev/null)" ]; then return 1; fi
		above=${above%/*}
	done
}

# ---- The node joins

choose_bootstrap() { # ARGUMENT...; see docs/decisions/0029-boot.md
	if [ "$bootstrap" ]; then
		how=$bootstrap
	elif printf %s " $*" | grep -q ' --apiserver-endpoint'; then
		how=oke-install
	elif command -v oke >/dev/null; then
		how=oke
	else
		how=oke-init
	fi
	if [ "$how" = oke-init ] && systemctl cat oke-init >/dev/null 2>&1 && [ ! "$(metadata oke_init_script)" ]; then
		how=unit
	fi
}
try_bootstrap() { # ARGUMENT...
	log "bootstrap: $how; arguments for the kubelet: $given"
	if [ "$given" ]; then set -- "$@" --kubelet-extra-args "$given"; fi
	case $how in
		oke) oke bootstrap "$@" ;;
		oke-install) bash /etc/oke/oke-install.sh "$@" ;;
		oke-init) fetch_init_script && bash /run/oke-init.sh "$@" ;;
		unit)
			systemctl enable --now --no-block oke-init
			sleep 2
			wait_for_image
			has_credentials
			;;
	esac 9<&-
}
fetch_init_script() { # and does what the default user data does before it
	metadata oke_init_script | base64 -d >/run/oke-init.sh
	if [ ! -s /run/oke-init.sh ]; then
		error "there is no oke_init_script"
		return 1
	fi
	PATH=$PATH:/usr/libexec timeout 60 oci-growfs -y || log "oci-growfs is missing or failed"
	touch /run/.oke-default-cloud-init
}
bootstrap_node() { # ARGUMENT...
	choose_bootstrap "$@"
	systemctl reset-failed kubelet 2>/dev/null
	for try in $(seq $((patience / 15))); do
		try_bootstrap "$@"
		status=$?
		if [ $status = 0 ]; then break; fi
		log "bootstrap: try $try failed with status $status"
		if has_credentials; then
			status=0
			break
		fi
		sleep 15 9<&-
	done
	if [ $status = 0 ]; then # The kubelet that runs may have started before the bootstrap wrote its files.
		systemctl daemon-reload
		systemctl reset-failed kubelet 2>/dev/null
		systemctl --no-block restart kubelet # It may be ordered after this script.
	fi
}
join() { # ARGUMENT...
	how=unit # The image has bootstrapped the node, so that its kubelet does not have our flags yet.
	if [ "$bootstrap" ] || ! has_credentials; then bootstrap_node "$@"; fi
	if [ "$how" != unit ]; then return; fi
	if [ "$own" ]; then error "the kubelet was bootstrapped by its image, without $own"; fi
	if [ "$reason" ]; then return; fi
	run_program $program node connect --kubelet-flags --restart
	case $reason in
		'') ;;
		kubelet-unseen:*) reason='' ;; # It has the flags, and may start later.
		*) report_failure ;;
	esac
}

main() {
	read_settings
	own=${KUBELET_EXTRA_ARGS-}
	unset KUBELET_EXTRA_ARGS
	before=''
	for word; do # A bootstrap takes only one --kubelet-extra-args.
		shift
		case $before,$word in
			--kubelet-extra-args,*) own="$own $word" word='' ;;
			*,--kubelet-extra-args) ;;
			*,--kubelet-extra-args=*) own="$own ${word#*=}" ;;
			*) set -- "$@" "$word" ;;
		esac
		before=$word
	done
	if [ "$(id -u)" != 0 ]; then
		error "nothing was changed: run this script as root"
		exit 2
	fi
	take_lock
	expect_unjoined
	trap 'signal=yes' HUP INT TERM
	if [ ! "$bootstrap" ]; then wait_for_image; fi
	given=$own
	if [ "$bootstrap" != running ]; then given="$(metadata kubelet-extra-args) $own"; fi
	write_metric killed
	if [ ! "$reason" ]; then install; fi
	if [ "$reason" ]; then
		report_failure
		write_missing
	else
		given="$given $(cat $state/flags)"
	fi
	given=$(one_line "$given")
	rm -rf $work
	case $bootstrap in
		none) ;;
		running)
			if [ "$reason" ]; then status=1; else timeout -s KILL 60 $program node status >&2; fi
			;;
		*)
			join "$@"
			if [ $status != 0 ]; then error "the node was NOT bootstrapped: status $status"; fi
			;;
	esac
	if [ ! "$reason" ]; then rm -f $metric; fi
	exit $status
}
main "$@"
